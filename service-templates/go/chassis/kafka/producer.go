// Package kafka sets up Kafka clients, the same everywhere in the fleet.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/rules"
)

const (
	// RecordMost is the largest record in bytes; what is larger travels as a reference to where it lies.
	RecordMost      = 1_048_576
	deliveryTimeout = 10 * time.Second
	linger          = 2 * time.Millisecond
	renewEvery      = 500 * time.Millisecond
)

// Sender sends records in the order given and waits until all in-sync replicas have them.
type Sender interface {
	// Send gives for each record nil when it was taken. meanwhile runs once when all are on their way, and again and
	// again while waiting.
	Send(ctx context.Context, records []*kgo.Record, meanwhile func()) []*rules.Failure
}

// Producer is a Sender on Kafka. Any goroutine may use it.
type Producer struct{ client *kgo.Client }

// NewProducer connects to nothing yet.
func NewProducer(bootstrap, clientID string, more ...kgo.Opt) (*Producer, error) {
	options := append(Common(bootstrap, clientID),
		kgo.RequiredAcks(kgo.AllISRAcks()), // with an idempotent producer, which is the default
		// nil is Kafka's own murmur2, so that all clients agree on a key's partition
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.ProducerBatchMaxBytes(RecordMost),
		kgo.ProducerLinger(linger),
		kgo.RecordDeliveryTimeout(deliveryTimeout),
		// A batch whose fate is unknown ends in time and is sent again: consumers know it by its ids.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.UnknownTopicRetries(2),
	)
	client, err := kgo.NewClient(append(options, more...)...)
	if err != nil {
		return nil, err
	}
	return &Producer{client}, nil
}

// Common are the options of every client.
func Common(bootstrap, clientID string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(strings.Split(bootstrap, ",")...),
		kgo.ClientID(clientID),
		kgo.WithLogger(logger{}),
		kgo.DialTimeout(5 * time.Second),
		kgo.RetryBackoffFn(func(attempts int) time.Duration {
			return time.Duration(rules.EqualJitter(attempts, 100, 5_000, rules.Chance)) * time.Millisecond
		}),
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.MetadataMaxAge(30 * time.Second),
	}
}

// WarmUp connects: the first record would have to wait for that.
func (p *Producer) WarmUp(ctx context.Context) {
	if err := p.client.Ping(ctx); err != nil {
		slog.InfoContext(ctx, "the broker does not answer yet", "reason", err)
	}
}

// Send implements Sender.
func (p *Producer) Send(ctx context.Context, records []*kgo.Record, meanwhile func()) []*rules.Failure {
	results := make([]*rules.Failure, len(records))
	var open atomic.Int64
	open.Store(int64(len(records)) + 1)
	done := make(chan struct{})
	settle := func() {
		if open.Add(-1) == 0 {
			close(done)
		}
	}
	refused := refusals{}
	for i, record := range records {
		// What the client itself refuses is known at once, so nothing of its key need go before it.
		if failure := refused.of(record); failure != nil {
			results[i] = failure
			settle()
			continue
		}
		p.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			results[i] = failureOf(err)
			settle()
		})
	}
	settle()
	if meanwhile == nil {
		meanwhile = func() {}
	}
	meanwhile()
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return results
		case <-tick.C:
			meanwhile()
		}
	}
}

// Close waits shortly for what is under way.
func (p *Producer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := p.client.Flush(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		slog.Info("the producer ends with records under way", "reason", err)
	}
	p.client.Close()
}

type mark struct{ topic, key string }

// refusals remembers keys of which a record is too large.
type refusals map[mark]*rules.Failure

func (r refusals) of(record *kgo.Record) *rules.Failure {
	of := mark{record.Topic, string(record.Key)}
	if failure := r[of]; failure != nil {
		return failure
	}
	if size := len(record.Key) + len(record.Value); size > RecordMost {
		r[of] = &rules.Failure{Kind: rules.FatalFailure, Text: fmt.Sprintf("MESSAGE_TOO_LARGE: %d bytes", size)}
	}
	return r[of]
}

// logger passes on what the client finds worth a warning.
type logger struct{}

func (logger) Level() kgo.LogLevel { return kgo.LogLevelWarn }

func (logger) Log(level kgo.LogLevel, text string, pairs ...any) {
	at := slog.LevelInfo
	if level == kgo.LogLevelError {
		at = slog.LevelWarn
	}
	slog.Log(context.Background(), at, text, append([]any{"component", "kafka"}, pairs...)...)
}
