package recovery

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/consumer"
	"chassis/database"
	"chassis/faults"
	"chassis/inbox"
	"chassis/kafka"
	"chassis/message"
	"chassis/rules"
	"chassis/telemetry"
)

const retryPoll = 200 * time.Millisecond

type partition struct {
	topic  string
	number int32
}

type delayed struct {
	raw *kgo.Record
	due time.Time // by the database's clock
}

// RetryReader reads the retry topics of a service: each record once its time has come, then like any other. It is a
// member of the group <group>.retry.
//
// All records of a topic wait equally long, so the first one of a partition is always due first; while it waits, its
// partition is paused. Times are the database's.
type RetryReader struct {
	inbox  *inbox.Inbox
	client *kgo.Client
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	waiting map[partition][]delayed
}

// NewRetryReader has not begun.
func NewRetryReader(box *inbox.Inbox, bootstrap string, topics []string, session time.Duration) (*RetryReader, error) {
	reader := &RetryReader{inbox: box, waiting: map[partition][]delayed{}}
	group := box.Group + ".retry"
	client, err := kgo.NewClient(append(consumer.InGroup(bootstrap, group, group, session),
		kgo.ConsumeTopics(topics...), kgo.OnPartitionsRevoked(reader.gone), kgo.OnPartitionsLost(reader.gone))...)
	if err != nil {
		return nil, err
	}
	reader.client = client
	return reader, nil
}

// Start begins in the background.
func (r *RetryReader) Start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	r.done.Go(func() { r.run(ctx) })
}

// Stop finishes the record in hand and leaves the group.
func (r *RetryReader) Stop() {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
	r.client.Close()
}

func (r *RetryReader) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		polled, cancel := context.WithTimeout(ctx, retryPoll)
		fetches := r.client.PollRecords(polled, 100)
		cancel()
		if fetches.IsClientClosed() {
			return
		}
		r.take(ctx, fetches)
		err := r.handleDue(ctx)
		if err == nil {
			failures = 0
			continue
		}
		if ctx.Err() != nil {
			return
		}
		failures++
		slog.WarnContext(ctx, "records to be tried again must wait", "reason", err)
		pause := time.Duration(rules.EqualJitter(failures, 200, 5_000, rules.Chance)) * time.Millisecond
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (r *RetryReader) take(ctx context.Context, fetches kgo.Fetches) {
	fetches.EachError(func(topic string, _ int32, err error) {
		if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			slog.WarnContext(ctx, "retry topics", "topic", topic, "reason", err)
		}
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	fetches.EachRecord(func(raw *kgo.Record) {
		faults.Point("retry.after_poll", raw.Topic)
		of := partition{raw.Topic, raw.Partition}
		due, _ := moment(raw) // the zero moment, when none is said, has passed
		r.waiting[of] = append(r.waiting[of], delayed{raw, due})
		r.client.PauseFetchPartitions(map[string][]int32{raw.Topic: {raw.Partition}})
	})
}

func (r *RetryReader) handleDue(ctx context.Context) error {
	if r.isIdle() {
		return nil
	}
	now, err := database.ServerTime(ctx, r.inbox.DB.Pool())
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		of, next, ok := r.next(now)
		if !ok {
			return nil
		}
		if err := r.handle(context.WithoutCancel(ctx), next.raw); err != nil {
			return err
		}
		r.dealtWith(of, next)
	}
	return nil
}

func (r *RetryReader) isIdle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) == 0
}

func (r *RetryReader) next(now time.Time) (partition, delayed, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for of, records := range r.waiting {
		if !records[0].due.After(now) {
			return of, records[0], true
		}
	}
	return partition{}, delayed{}, false
}

func (r *RetryReader) dealtWith(of partition, done delayed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	records := r.waiting[of]
	if len(records) == 0 || records[0].raw != done.raw {
		return // the partition was given up meanwhile
	}
	if r.waiting[of] = records[1:]; len(records) == 1 {
		delete(r.waiting, of)
		r.client.ResumeFetchPartitions(map[string][]int32{of.topic: {of.number}})
	}
}

func (r *RetryReader) handle(ctx context.Context, raw *kgo.Record) error {
	if _, err := r.inbox.Receive(ctx, Returned(kafka.RecordOf(raw), r.inbox.Group)); err != nil {
		return err
	}
	telemetry.ConsumedMessages.Add(ctx, 1, telemetry.Messaging("poll", raw.Topic, r.inbox.Group))
	offsets := map[string]map[int32]kgo.EpochOffset{
		raw.Topic: {raw.Partition: {Epoch: raw.LeaderEpoch, Offset: raw.Offset + 1}},
	}
	if err := consumer.Commit(ctx, r.client, offsets); err != nil {
		slog.WarnContext(ctx, "offset is not committed, its record will come again", "reason", err)
	}
	faults.Point("retry.after_offset", raw.Topic)
	return nil
}

func (r *RetryReader) gone(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, numbers := range partitions {
		for _, number := range numbers {
			delete(r.waiting, partition{topic, number})
		}
	}
	client.ResumeFetchPartitions(partitions) // when they come back, they are not paused
}

func moment(raw *kgo.Record) (time.Time, bool) {
	for _, each := range raw.Headers {
		if each.Key == notBefore {
			at, err := time.Parse(time.RFC3339, string(each.Value))
			return at, err == nil
		}
	}
	return time.Time{}, false
}

// Returned is a record of a retry topic as the record that it was: where it lay before it failed the first time.
func Returned(record *message.Record, group string) *message.Record {
	was := *record
	if was.Topic = record.Headers["dlq_topic"]; was.Topic == "" {
		was.Topic = rules.OriginalTopic(record.Topic, group)
	}
	was.Partition = int32(number(record.Headers["dlq_partition"], 31, int64(record.Partition)))
	was.Offset = number(record.Headers["dlq_offset"], 63, record.Offset)
	was.Timestamp = number(record.Headers["dlq_timestamp"], 63, record.Timestamp)
	was.Level = rules.LevelOf(record.Topic)
	return &was
}

// number is what a header counts, if a database can hold it.
func number(text string, bits int, otherwise int64) int64 {
	read, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return otherwise
	}
	return int64(read)
}
