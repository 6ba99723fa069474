package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chassis/consumer"
	"chassis/database"
	"chassis/dispatch"
	"chassis/inbox"
	"chassis/internal/lab"
	"chassis/kafka"
	"chassis/message"
	"chassis/recovery"
	"chassis/rules"
)

const session = 6 * time.Second

// reading is one instance of a service that reads a topic.
type reading struct {
	*lab.Store
	bus     *lab.Bus
	box     *inbox.Inbox
	letters *recovery.DeadLetters

	mu   sync.Mutex
	fail map[string]error // by key
}

func newReading(t *testing.T, topic string, ordered bool, delays ...float64) *reading {
	r := &reading{Store: lab.NewStore(t), bus: lab.NewBus(t), fail: map[string]error{}}
	r.Exec("CREATE TABLE effect (n bigserial, id text, msg_key text, seq bigint)")
	r.start(topic, ordered, delays)
	return r
}

func (r *reading) start(topic string, ordered bool, delays []float64) {
	t, ctx := r.T, context.Background()
	handlers := dispatch.New()
	handlers.On(lab.Type, func(ctx context.Context, record *message.Record, work *database.Work) error {
		sequence, _ := record.Sequence()
		_, err := work.Tx().Exec(ctx, "INSERT INTO effect (id, msg_key, seq) VALUES ($1, $2, $3)",
			record.ID(), record.Key, sequence)
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.fail[record.Key]
	})
	group := "lab." + strings.Split(topic, ".")[1]
	r.box = inbox.New(r.DB, handlers, group)
	r.box.Unordered[topic] = !ordered
	producer, err := kafka.NewProducer(r.bus.Bootstrap, "letters")
	if err != nil {
		t.Fatal(err)
	}
	r.letters = &recovery.DeadLetters{
		Sender: producer, Group: group, Service: "lab", Delays: delays, Retention: time.Hour,
		Ensure: func(ctx context.Context, topics []kafka.WantedTopic) error {
			return kafka.EnsureTopics(ctx, r.bus.Bootstrap, topics)
		},
	}
	if err := r.letters.Prepare(ctx, map[string]bool{topic: ordered}); err != nil {
		t.Fatal(err)
	}
	r.box.Forward = recovery.Forwarding(r.box, r.letters)
	redelivery := recovery.NewRedelivery(r.box, r.letters)
	redelivery.Missing = func(ctx context.Context, record *message.Record, after int64) ([]*message.Record, error) {
		return consumer.Missing(ctx, r.bus.Bootstrap, record, after)
	}
	redelivery.RefetchAfter = 0
	r.box.OnParked = redelivery.Wake
	retries, err := recovery.NewRetryReader(r.box, r.bus.Bootstrap,
		rules.RetryTopics(topic, group, ordered, len(delays)), session)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := consumer.New(r.box, consumer.Options{Bootstrap: r.bus.Bootstrap, Topics: []string{topic}, Session: session})
	if err != nil {
		t.Fatal(err)
	}
	redelivery.Start(ctx)
	retries.Start(ctx)
	reader.Start(ctx)
	t.Cleanup(func() {
		reader.Stop()
		retries.Stop()
		redelivery.Stop()
		producer.Close()
	})
}

func (r *reading) setFailure(key string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail[key] = err
}

func (r *reading) effects(key string) int64 {
	return r.Count("SELECT count(*) FROM effect WHERE msg_key = $1", key)
}

func TestConsumesInOrderOnceAndCommits(t *testing.T) {
	bus := lab.NewBus(t)
	topic := bus.Topic(3)
	r := newReading(t, topic, true)
	const keys, each = 5, 40
	for sequence := 1; sequence <= each; sequence++ {
		for key := range keys {
			record := lab.Record(topic, fmt.Sprint("k", key), int64(sequence), nil)
			bus.Write(record)
			if sequence%7 == 0 {
				bus.Write(record) // a relay that died between acknowledgement and deletion
			}
		}
	}
	lab.Until(t, "all effects", func() bool { return r.Count("SELECT count(*) FROM effect") == keys*each })
	for key := range keys {
		got := lab.Value[[]int64](r.Store, "SELECT array_agg(seq ORDER BY n) FROM effect WHERE msg_key = $1", fmt.Sprint("k", key))
		if !lab.IsDense(got) {
			t.Errorf("k%d: %v", key, got)
		}
	}
}

func TestPoisonParksItsKeyOthersFlowAndTheDeadLetterIsIdentical(t *testing.T) {
	bus := lab.NewBus(t)
	topic := bus.Topic(1)
	r := newReading(t, topic, true)
	r.setFailure("bad", &message.PermanentFailure{Text: "never", Reason: message.Validation})
	bad := lab.Record(topic, "bad", 1, map[string]string{"x-unknown": "kept"})
	bus.Write(bad, lab.Record(topic, "good", 1, nil), lab.Record(topic, "bad", 2, nil), lab.Record(topic, "good", 2, nil))
	lab.Until(t, "the other key", func() bool { return r.effects("good") == 2 })
	letter := bus.Read(1, rules.DeadLetterTopic(topic, r.box.Group))[0]
	if string(letter.Payload) != string(bad.Value) || letter.Headers["x-unknown"] != "kept" {
		t.Errorf("not the same: %s %v", letter.Payload, letter.Headers)
	}
	for name, want := range map[string]string{
		"dlq_topic": topic, "dlq_partition": "0", "dlq_offset": "0", "dlq_group": r.box.Group, "dlq_service": "lab",
		"dlq_reason": "validation", "dlq_error_class": "PermanentFailure", "dlq_error_message": "never",
		"dlq_attempts": "8", "dlq_redrive_count": "0",
	} {
		if letter.Headers[name] != want {
			t.Errorf("%s is %q, not %q", name, letter.Headers[name], want)
		}
	}
	lab.Until(t, "the key to be held", func() bool {
		return r.Count("SELECT count(*) FROM inbox_parked WHERE next_at = 'infinity'") == 2
	})
}

func TestLostRecordsAreFoundInTheTopic(t *testing.T) {
	bus := lab.NewBus(t)
	topic := bus.Topic(1)
	for sequence := int64(1); sequence <= 4; sequence++ {
		bus.Write(lab.Record(topic, "k", sequence, nil), lab.Record(topic, "other", sequence, nil))
	}
	records := bus.Read(8, topic)
	last := records[6]
	if sequence, _ := last.Sequence(); last.Key != "k" || sequence != 4 {
		t.Fatalf("%s %d", last.Key, sequence)
	}
	missing, err := consumer.Missing(t.Context(), bus.Bootstrap, last, 1)
	if err != nil || len(missing) != 2 || missing[0].ID() != records[2].ID() || missing[1].ID() != records[4].ID() {
		t.Errorf("%d found, %v", len(missing), err)
	}
}

func TestUnorderedGoesOverRetryTopicsToTheDeadLetters(t *testing.T) {
	bus := lab.NewBus(t)
	topic := bus.Topic(1)
	r := newReading(t, topic, false, 0.3, 0.6)
	r.setFailure("bad", errors.New("broken"))
	bus.Write(lab.Record(topic, "bad", 1, nil), lab.Record(topic, "good", 7, nil))
	lab.Until(t, "the other", func() bool { return r.effects("good") == 1 })
	letter := bus.Read(1, rules.DeadLetterTopic(topic, r.box.Group))[0]
	if letter.Headers["dlq_attempts"] != "3" || letter.Headers["dlq_reason"] != "handler" {
		t.Errorf("%v", letter.Headers)
	}
	if r.Count("SELECT count(*) FROM inbox WHERE outcome = 'dead'") != 1 {
		t.Error("not noted as dead")
	}
	// An operator mends the cause and sends it again, to this group alone.
	r.setFailure("bad", nil)
	again := lab.Record(rules.RetryTopic(topic, r.box.Group, rules.Redriven), "bad", 0, letter.Headers)
	for i, header := range again.Headers {
		if header.Key == message.RedriveCount {
			again.Headers[i].Value = []byte("1")
		}
	}
	bus.Write(again)
	lab.Until(t, "the redriven one", func() bool { return r.effects("bad") == 1 })
}
