package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"chassis"
	"chassis/definition"
	"chassis/faults"
	"chassis/service"
	"chassis/settings"
	"chassis/telemetry"
)

const (
	drainMost  = 20 * time.Second // requests under way may take to end
	keepAlive  = 75 * time.Second // longer than balancers keep theirs, so that it is never us who hang up first
	headerMost = 10 * time.Second

	ok, failed, misconfigured = 0, 1, 2
)

// notice is how long after becoming unready new requests are still taken: balancers need to see it.
var notice = map[string]time.Duration{"development": 0, "production": 2 * time.Second}

// Run serves until SIGTERM or Ctrl-C, then stops gracefully; the exit code is 0. A setting that is missing or wrong, or a
// chassis that is too old, gives 2 and says so on standard error.
func Run(of *service.Service) int {
	name := of.Definition.Name.Text
	if problem := unsatisfied(of.Definition); problem != "" {
		fmt.Fprintln(os.Stderr, problem)
		return misconfigured
	}
	read, err := settings.Read(os.Getenv, of.Definition)
	var wrong *settings.Error
	if errors.As(err, &wrong) {
		fmt.Fprintf(os.Stderr, "%s cannot start:\n  %s\n", name, strings.Join(wrong.Problems, "\n  "))
		return misconfigured
	}
	slog.SetDefault(slog.New(telemetry.Logs(os.Stdout, name, telemetry.Level(read.LogLevel), telemetry.SensitiveNames(of.Definition))))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if read.OTLPEndpoint != "" {
		end, err := telemetry.Export(ctx, read, of.Definition)
		if err != nil {
			slog.Error("telemetry cannot be exported", "reason", err)
			return failed
		}
		defer func() { _ = end() }() // a collector that is away is no failure of ours
	}
	if err := serve(ctx, of, read); err != nil {
		slog.Error(name+" cannot go on", "reason", err)
		return failed
	}
	return ok
}

func serve(ctx context.Context, of *service.Service, read *settings.Settings) error {
	if err := of.Check(); err != nil {
		return err
	}
	parts, err := compose(of, read)
	if err != nil {
		return err
	}
	listeners, err := listen(read)
	if err != nil {
		return err
	}
	admin, api := server(parts.admin), server(parts.api)
	ended := make(chan error, 2)
	go func() { ended <- admin.Serve(listeners[1]) }()
	defer func() { _ = admin.Close() }()
	name := of.Definition.Name.Text
	if err := parts.open(ctx); err != nil {
		_ = listeners[0].Close()
		if ctx.Err() != nil {
			slog.Info(name + " stops before it was ready")
			return nil
		}
		return err
	}
	go func() { ended <- api.Serve(listeners[0]) }()
	parts.health.Started.Store(true)
	slog.Info(name+" is ready", "port", read.HTTPPort)
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	leave(parts, api, read)
	slog.Info(name + " has stopped")
	return err
}

// leave stops in order: unready, no new requests, no new records, the outbox sent, leases given up.
func leave(parts *composition, api *http.Server, read *settings.Settings) {
	slog.Info(parts.service.Definition.Name.Text + " is stopping")
	parts.health.Draining.Store(true)
	faults.Point("shutdown.draining", "")
	time.Sleep(notice[read.Environment])
	draining, cancel := context.WithTimeout(context.Background(), drainMost)
	defer cancel()
	within(drainMost, parts.quiesce, func() {
		if err := api.Shutdown(draining); err != nil {
			slog.Warn("requests were still under way", "reason", err)
		}
	})
	parts.close()
}

func server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerMost, IdleTimeout: keepAlive, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}

// listen binds both ports. Nobody is answered before the servers run.
func listen(read *settings.Settings) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, port := range []int{read.HTTPPort, read.AdminPort} {
		listener, err := net.Listen("tcp", net.JoinHostPort(read.HTTPHost, strconv.Itoa(port)))
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

// unsatisfied is what to do when the service needs another chassis; empty when this one will do.
func unsatisfied(facts *definition.Definition) string {
	least, own := versionOf(facts.Chassis.Least), versionOf(chassis.Version)
	switch {
	case own[0] > least[0]:
		return fmt.Sprintf("%s was generated for chassis %s, this is %s, another major version: run `cd services/%s && copier update -A -l`",
			facts.Name.Text, facts.Chassis.Least, chassis.Version, facts.Name.Text)
	case own[0] < least[0], own[1] < least[1], own[1] == least[1] && own[2] < least[2]:
		return fmt.Sprintf("%s needs chassis %s or newer, this is %s: run `cd libs/chassis-go && copier update -A -l`",
			facts.Name.Text, facts.Chassis.Least, chassis.Version)
	}
	return ""
}

func versionOf(text string) (parts [3]int) {
	for i, part := range strings.SplitN(text, ".", 3) {
		parts[i], _ = strconv.Atoi(part) // facts are checked when they are made
	}
	return parts
}
