package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// WantedTopic is a topic that should exist.
type WantedTopic struct {
	Name       string
	Partitions int
	Replicas   int
	Retention  time.Duration
}

// EnsureTopics creates the topics that are missing. Where a broker forbids or cannot do that, they are somebody else's
// duty. A cluster with fewer brokers than wanted replicas gets as many replicas as it has brokers.
func EnsureTopics(ctx context.Context, bootstrap string, topics []WantedTopic) error {
	if len(topics) == 0 {
		return nil
	}
	client, err := kgo.NewClient(Common(bootstrap, "topics")...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	cluster, err := admin.Metadata(ctx)
	if err != nil {
		return fmt.Errorf("cannot look for topics: %w", err)
	}
	for _, topic := range topics {
		if cluster.Topics.Has(topic.Name) {
			continue
		}
		if err := create(ctx, admin, topic, len(cluster.Brokers)); err != nil {
			slog.WarnContext(ctx, "cannot create topic", "topic", topic.Name, "reason", err)
			continue
		}
		slog.InfoContext(ctx, "created topic", "topic", topic.Name)
	}
	return nil
}

func create(ctx context.Context, admin *kadm.Client, topic WantedTopic, brokers int) error {
	replicas := max(1, min(topic.Replicas, brokers))
	config := map[string]*string{
		"retention.ms":                   kadm.StringPtr(strconv.FormatInt(topic.Retention.Milliseconds(), 10)),
		"min.insync.replicas":            kadm.StringPtr(strconv.Itoa(max(1, replicas-1))),
		"unclean.leader.election.enable": kadm.StringPtr("false"),
	}
	_, err := admin.CreateTopic(ctx, int32(max(1, topic.Partitions)), int16(replicas), config, topic.Name)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}
