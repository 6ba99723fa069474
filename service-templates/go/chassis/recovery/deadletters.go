// Package recovery is what becomes of records that failed: they are tried again in place, on retry topics, and given up
// to the dead letters, byte for byte and with the reason in headers.
package recovery

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chassis/clock"
	"chassis/faults"
	"chassis/inbox"
	"chassis/kafka"
	"chassis/message"
	"chassis/rules"
	"chassis/telemetry"
)

const (
	retryRetention = 7 * 24 * time.Hour
	notBefore      = "retry_not_before"
	mostMessage    = 1024
	moments        = "2006-01-02T15:04:05.000Z"
)

// Reason is why a record was given up. Kind is deserialize, schema, validation, handler, timeout, expired or gap.
type Reason struct {
	Kind          string
	Class         string
	Text          string
	Attempts      int
	FirstFailedAt string
}

// ReasonOf reads the text of a failure, "kind: Class: text".
func ReasonOf(text string, attempts int, firstFailedAt string) Reason {
	kind, rest, _ := strings.Cut(text, ": ")
	class, said, _ := strings.Cut(rest, ": ")
	return Reason{kind, class, said, attempts, firstFailedAt}
}

// DeadLetters writes the failed records of one consumer group.
type DeadLetters struct {
	Sender    kafka.Sender
	Group     string
	Service   string
	Delays    []float64 // seconds that records of unordered topics wait in one retry topic after the other
	Retention time.Duration
	Ensure    func(ctx context.Context, topics []kafka.WantedTopic) error // makes topics that are missing

	mu      sync.Mutex
	ensured map[string]bool
}

// Send writes a dead letter and waits until the broker has it. An inbox.ErrUnavailable says that it does not take it now.
func (d *DeadLetters) Send(ctx context.Context, record *message.Record, reason Reason) error {
	target := rules.DeadLetterTopic(record.Topic, d.Group)
	if err := d.write(ctx, target, record, d.headers(record, reason)); err != nil {
		return err
	}
	faults.Point("dlq.after_produce", target)
	telemetry.DeadLetters.Add(ctx, 1, failed(record, reason))
	return nil
}

// Retry lets a record be tried again after the delay of that level; now is the database's time.
func (d *DeadLetters) Retry(ctx context.Context, record *message.Record, reason Reason, level int, now time.Time) error {
	target := rules.RetryTopic(record.Topic, d.Group, level)
	due := now.Add(time.Duration(d.Delays[level-1] * float64(time.Second)))
	headers := append(d.headers(record, reason), header(notBefore, due.UTC().Format(moments)))
	if err := d.write(ctx, target, record, headers); err != nil {
		return err
	}
	faults.Point("retry.after_produce", target)
	telemetry.Retries.Add(ctx, 1, failed(record, reason))
	return nil
}

// Prepare makes what is needed for the topics (and whether they are ordered), so that the first failure is in time.
func (d *DeadLetters) Prepare(ctx context.Context, topics map[string]bool) error {
	var wanted []string
	for topic, ordered := range topics {
		wanted = append(wanted, rules.DeadLetterTopic(topic, d.Group))
		wanted = append(wanted, rules.RetryTopics(topic, d.Group, ordered, len(d.Delays))...)
	}
	return d.ensure(ctx, wanted)
}

func (d *DeadLetters) ensure(ctx context.Context, targets []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var missing []kafka.WantedTopic
	for _, target := range targets {
		if d.ensured[target] {
			continue
		}
		retention := d.Retention
		if rules.LevelOf(target) >= 0 {
			retention = retryRetention
		}
		missing = append(missing, kafka.WantedTopic{Name: target, Partitions: 1, Replicas: 3, Retention: retention})
	}
	if len(missing) == 0 {
		return nil
	}
	if err := d.Ensure(ctx, missing); err != nil {
		return err
	}
	if d.ensured == nil {
		d.ensured = map[string]bool{}
	}
	for _, topic := range missing {
		d.ensured[topic.Name] = true
	}
	return nil
}

func (d *DeadLetters) write(ctx context.Context, to string, record *message.Record, headers []kgo.RecordHeader) error {
	if err := d.ensure(ctx, []string{to}); err != nil {
		return fmt.Errorf("%w: %w", inbox.ErrUnavailable, err)
	}
	sent := &kgo.Record{Topic: to, Key: record.RawKey, Value: record.Payload, Headers: headers}
	if failure := d.Sender.Send(ctx, []*kgo.Record{sent}, nil)[0]; failure != nil {
		return fmt.Errorf("%w: the broker does not take a failed record: %s", inbox.ErrUnavailable, failure.Text)
	}
	return nil
}

func (d *DeadLetters) headers(record *message.Record, reason Reason) []kgo.RecordHeader {
	var headers []kgo.RecordHeader
	for _, each := range record.RawHeaders {
		if !strings.HasPrefix(each.Name, "dlq_") && each.Name != notBefore {
			headers = append(headers, kgo.RecordHeader{Key: each.Name, Value: each.Value})
		}
	}
	return append(headers,
		header("dlq_topic", record.Topic),
		header("dlq_partition", strconv.Itoa(int(record.Partition))),
		header("dlq_offset", strconv.FormatInt(record.Offset, 10)),
		header("dlq_timestamp", strconv.FormatInt(record.Timestamp, 10)),
		header("dlq_group", d.Group),
		header("dlq_handler", d.Group),
		header("dlq_service", d.Service),
		header("dlq_reason", reason.Kind),
		header("dlq_error_class", reason.Class),
		header("dlq_error_message", cut(reason.Text)),
		header("dlq_attempts", strconv.Itoa(reason.Attempts)),
		header("dlq_first_failed_at", reason.FirstFailedAt),
		header("dlq_last_failed_at", clock.Now().UTC().Format(moments)),
		header(message.RedriveCount, strconv.Itoa(record.Redrives())),
	)
}

func header(name, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: name, Value: []byte(value)}
}

func cut(text string) string {
	if len(text) <= mostMessage {
		return text
	}
	end := mostMessage
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

func failed(record *message.Record, reason Reason) metric.MeasurementOption {
	return metric.WithAttributes(
		attribute.String("messaging.destination.name", record.Topic), attribute.String("error.type", reason.Kind))
}
