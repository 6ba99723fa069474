// Command kfake is a small broker that speaks Kafka's protocol, for `fleetgen up` on one machine.
//
// It wraps franz-go's kfake with its data on disk, listens on loopback only, and ends on SIGTERM or SIGINT after
// writing what is still in memory.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	data := flag.String("data", "", "folder of the data; empty keeps nothing")
	partitions := flag.Int("partitions", 3, "partitions of a topic that a client creates by using it")
	flag.Parse()
	if err := run(*port, *data, *partitions); err != nil {
		fmt.Fprintln(os.Stderr, "kfake:", err)
		os.Exit(1)
	}
}

func run(port int, data string, partitions int) error {
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ClusterID("fleetgen"),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(partitions),
		// Consumers that were killed must not hold their partitions for the usual 45 s.
		kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"group.consumer.session.timeout.ms": "6000"}),
		kfake.WithLogger(kfake.BasicLogger(os.Stderr, kfake.LogLevelWarn)),
	}
	if data != "" {
		options = append(options, kfake.DataDir(data))
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Println("listening on", cluster.ListenAddrs()[0])
	<-signals
	return nil
}
