// Package consumer reads topics and hands the records to the inbox.
//
// An offset is committed after the transaction of its record, so a crash repeats records and loses none. When the
// database is away, the records in hand wait and nothing more is fetched; the member stays in its group, for its
// heartbeats do not depend on the handling.
package consumer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/faults"
	"chassis/inbox"
	"chassis/kafka"
	"chassis/message"
	"chassis/rules"
	"chassis/telemetry"
)

const (
	batch       = 256
	together    = 16 // records in one transaction when there are many
	commitEvery = time.Second
	endMost     = 5 * time.Second
	retryBase   = 200
	retryCap    = 5_000
	fetchMost   = 16 << 20 // bytes in memory
)

type mark struct {
	topic     string
	partition int32
}

// Options of a consumer.
type Options struct {
	Bootstrap string
	Topics    []string
	Member    string // the name under which this instance comes back after a restart without a rebalance; may be empty
	Session   time.Duration
}

// Consumer is one member of a consumer group.
type Consumer struct {
	inbox   *inbox.Inbox
	options Options
	client  *kgo.Client

	assigned atomic.Bool
	stop     context.CancelFunc
	done     sync.WaitGroup

	// Held while records are handled, so that partitions are given up between records.
	mu          sync.Mutex
	owned       map[mark]bool
	waiting     []*message.Record
	finished    map[mark]kgo.EpochOffset
	epochs      map[mark]int32
	together    float64
	committedAt time.Time

	beginning sync.Map // mark -> first offset that is still there
}

// New is a consumer that has not begun.
func New(box *inbox.Inbox, options Options) (*Consumer, error) {
	consumer := &Consumer{
		inbox: box, options: options, together: together, owned: map[mark]bool{}, finished: map[mark]kgo.EpochOffset{},
		epochs: map[mark]int32{},
	}
	clientID := options.Member
	if clientID == "" {
		clientID = box.Group
	}
	all := append(InGroup(options.Bootstrap, clientID, box.Group, options.Session),
		kgo.ConsumeTopics(options.Topics...),
		kgo.OnPartitionsAssigned(consumer.onAssigned),
		kgo.OnPartitionsRevoked(consumer.onRevoked),
		kgo.OnPartitionsLost(consumer.onLost),
	)
	if options.Member != "" {
		all = append(all, kgo.InstanceID(options.Member))
	}
	client, err := kgo.NewClient(all...)
	if err != nil {
		return nil, err
	}
	consumer.client = client
	box.BeginningRemoved = consumer.beginningRemoved
	return consumer, nil
}

// InGroup are the options of a consumer that shares topics with the other members of its group and commits by itself.
func InGroup(bootstrap, clientID, group string, session time.Duration) []kgo.Opt {
	return append(kafka.Common(bootstrap, clientID),
		kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(session),
		kgo.HeartbeatInterval(session/3),
		kgo.FetchMaxWait(time.Second),
		kgo.FetchMaxBytes(fetchMost),
		kgo.FetchMaxPartitionBytes(1<<20),
	)
}

// Start begins to consume in the background.
func (c *Consumer) Start(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	c.done.Go(func() { c.run(ctx) })
}

// Stop finishes the records in hand, commits, and leaves.
func (c *Consumer) Stop() {
	if c.stop != nil {
		c.stop()
		c.done.Wait()
	}
	c.client.Close()
}

// IsAssigned tells whether this member has partitions.
func (c *Consumer) IsAssigned() bool { return c.assigned.Load() }

func (c *Consumer) run(ctx context.Context) {
	for ctx.Err() == nil {
		polled, cancel := context.WithTimeout(ctx, commitEvery)
		fetches := c.client.PollRecords(polled, batch)
		cancel()
		if fetches.IsClientClosed() {
			return
		}
		c.take(ctx, fetches)
		c.handleWaiting(ctx)
		c.commit(ctx, false)
	}
	// What was handled is committed, also when whoever stopped us waits no longer.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endMost)
	defer cancel()
	c.commit(ending, true)
}

func (c *Consumer) take(ctx context.Context, fetches kgo.Fetches) {
	fetches.EachError(func(topic string, partition int32, err error) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return
		}
		slog.WarnContext(ctx, "consumer", "topic", topic, "partition", partition, "reason", err)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	fetches.EachPartition(func(part kgo.FetchTopicPartition) {
		of := mark{part.Topic, part.Partition}
		if !c.owned[of] {
			return // given up between being fetched and being taken
		}
		c.beginning.Store(of, part.LogStartOffset)
		for _, record := range part.Records {
			c.epochs[of] = record.LeaderEpoch
			c.waiting = append(c.waiting, kafka.RecordOf(record))
		}
	})
	if len(c.waiting) > 0 {
		faults.Point("inbox.after_poll", c.waiting[0].Topic)
	}
}

// handleWaiting hands everything in hand to the inbox, in order.
func (c *Consumer) handleWaiting(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		more, err := c.handleNext(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return
		case err != nil:
			failures++
			slog.WarnContext(ctx, "records must wait", "reason", err)
			wait(ctx, failures)
		case !more:
			return
		default:
			failures = 0
			c.commit(ctx, false)
		}
	}
}

func wait(ctx context.Context, failures int) {
	timer := time.NewTimer(time.Duration(rules.EqualJitter(failures, retryBase, retryCap, rules.Chance)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// handleNext handles the first records in hand: those nobody wants, or a few together, or one. What is begun is finished
// also when the consumer is stopped meanwhile.
func (c *Consumer) handleNext(ctx context.Context) (more bool, err error) {
	ctx = context.WithoutCancel(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return false, nil
	}
	wanted := func(record *message.Record) bool { return len(c.inbox.Dispatch.Of(record)) > 0 }
	first := slices.IndexFunc(c.waiting, wanted)
	if first != 0 {
		unhandled := c.waiting
		if first > 0 {
			unhandled = c.waiting[:first]
		}
		if err := c.inbox.Skim(ctx, unhandled); err != nil {
			return true, err
		}
		c.finish(ctx, len(unhandled))
		return true, nil
	}
	handled := c.waiting
	if end := slices.IndexFunc(c.waiting, func(record *message.Record) bool { return !wanted(record) }); end > 0 {
		handled = c.waiting[:end]
	}
	return true, c.handle(ctx, handled[:min(len(handled), max(1, int(c.together)))])
}

func (c *Consumer) handle(ctx context.Context, records []*message.Record) error {
	if len(records) > 1 {
		done, err := c.inbox.ReceiveTogether(ctx, records)
		if err != nil {
			return err
		}
		if done {
			c.together = min(together, c.together+1)
			c.finish(ctx, len(records))
			return nil
		}
		c.together /= 2 // poison or a deadlock: the smaller the group, the less is done twice
	}
	for _, record := range records {
		if _, err := c.inbox.Receive(ctx, record); err != nil {
			return err
		}
		c.finish(ctx, 1)
	}
	c.together = max(1, c.together+0.1)
	return nil
}

// finish notes that the first records in hand are done.
func (c *Consumer) finish(ctx context.Context, count int) {
	counts := map[string]int64{}
	for _, record := range c.waiting[:count] {
		of := mark{record.Topic, record.Partition}
		c.finished[of] = kgo.EpochOffset{Epoch: c.epochs[of], Offset: record.Offset + 1}
		counts[record.Topic]++
	}
	c.waiting = c.waiting[count:]
	for topic, number := range counts {
		telemetry.ConsumedMessages.Add(ctx, number, telemetry.Messaging("poll", topic, c.inbox.Group))
	}
}

// commit commits what has been handled, now and then.
func (c *Consumer) commit(ctx context.Context, now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now || time.Since(c.committedAt) > commitEvery {
		c.commitLocked(ctx)
	}
}

func (c *Consumer) commitLocked(ctx context.Context) {
	if len(c.finished) == 0 {
		return
	}
	offsets, topic := map[string]map[int32]kgo.EpochOffset{}, ""
	for of, offset := range c.finished {
		if offsets[of.topic] == nil {
			offsets[of.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[of.topic][of.partition] = offset
		topic = of.topic
	}
	clear(c.finished)
	c.committedAt = time.Now()
	if err := Commit(ctx, c.client, offsets); err != nil {
		slog.WarnContext(ctx, "offsets are not committed, their records will come again", "reason", err)
	}
	faults.Point("inbox.after_offset", topic)
}

func (c *Consumer) onAssigned(ctx context.Context, _ *kgo.Client, partitions map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for topic, numbers := range partitions {
		for _, number := range numbers {
			c.owned[mark{topic, number}] = true
		}
	}
	c.assigned.Store(len(c.owned) > 0)
	if len(partitions) > 0 {
		slog.InfoContext(ctx, "reading", "partitions", partitions)
	}
}

func (c *Consumer) onRevoked(ctx context.Context, _ *kgo.Client, partitions map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, endMost)
	defer cancel()
	c.commitLocked(ctx)
	c.forget(partitions)
}

// onLost: somebody else reads these partitions already; nothing of them may be committed.
func (c *Consumer) onLost(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(partitions)
}

func (c *Consumer) forget(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, number := range numbers {
			of := mark{topic, number}
			delete(c.owned, of)
			delete(c.finished, of)
			c.beginning.Delete(of)
			delete(c.epochs, of)
		}
	}
	c.waiting = slices.DeleteFunc(slices.Clone(c.waiting), func(record *message.Record) bool {
		return !c.owned[mark{record.Topic, record.Partition}]
	})
	c.assigned.Store(len(c.owned) > 0)
}

// beginningRemoved tells whether retention has removed the beginning of a partition. Of one that this member does not read
// nothing is known: its beginning is taken to be there.
func (c *Consumer) beginningRemoved(topic string, partition int32) bool {
	first, known := c.beginning.Load(mark{topic, partition})
	return known && first.(int64) > 0
}

// Commit commits offsets and waits for the answer of every partition.
func Commit(ctx context.Context, client *kgo.Client, offsets map[string]map[int32]kgo.EpochOffset) error {
	var failed error
	client.CommitOffsetsSync(ctx, offsets, commitAnswer(&failed))
	return failed
}
