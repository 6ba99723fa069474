package relay_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/database"
	"chassis/internal/lab"
	"chassis/kafka"
	"chassis/message"
	"chassis/relay"
	"chassis/rules"
)

func producer(t *testing.T, bus *lab.Bus) *kafka.Producer {
	t.Helper()
	made, err := kafka.NewProducer(bus.Bootstrap, "lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

func running(t *testing.T, store *lab.Store, sender kafka.Sender, owner string) *relay.Relay {
	t.Helper()
	made := relay.New(store.DB, sender, owner)
	made.Start(context.Background())
	t.Cleanup(made.Stop)
	return made
}

func TestCarriesEverythingAndDeletesWhatIsAcknowledged(t *testing.T) {
	store, bus := lab.NewStore(t), lab.NewBus(t)
	topic := bus.Topic(3)
	keys := make([]string, 100)
	for n := range keys {
		keys[n] = fmt.Sprintf("k%d", n%7)
	}
	store.Publish(topic, keys...)
	running(t, store, producer(t, bus), "one")
	lab.Until(t, "the outbox to drain", store.IsDrained)
	records := bus.Read(100, topic)
	if len(records) != 100 {
		t.Fatalf("%d records", len(records))
	}
	for key, sequences := range lab.FirstSequences(records) {
		if !lab.IsDense(sequences) {
			t.Errorf("%s: %v", key, sequences)
		}
	}
	one := records[0]
	if len(one.Headers[message.Sequence]) != 20 || one.Headers[message.RecordedTime] == "" ||
		one.Headers[message.PartitionKey] != one.Key {
		t.Errorf("headers %v", one.Headers)
	}
}

// A transaction that drew its position first and commits last: a cursor over positions would pass over it.
func TestLateCommitIsNotLost(t *testing.T) {
	store, bus := lab.NewStore(t), lab.NewBus(t)
	topic := bus.Topic(1)
	running(t, store, producer(t, bus), "one")
	err := store.DB.Work(t.Context(), message.NewContext(), func(late *database.Work) error {
		late.Append(lab.Envelope(topic, "late", 1))
		if _, err := late.Flush(t.Context()); err != nil {
			return err
		}
		store.Publish(topic, "early")
		lab.Until(t, "the early message", store.IsDrained)
		if records := bus.Read(1, topic); len(records) != 1 || records[0].Key != "early" {
			t.Errorf("%d records", len(records))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if records := bus.Read(2, topic); records[1].Key != "late" {
		t.Errorf("second is %s", records[1].Key)
	}
}

func TestIdleTransactionStallsNothing(t *testing.T) {
	store, bus := lab.NewStore(t), lab.NewBus(t)
	topic := bus.Topic(1)
	other, err := pgx.Connect(t.Context(), store.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	if _, err := other.Exec(t.Context(), "BEGIN; SELECT pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	store.Publish(topic, "k")
	running(t, store, producer(t, bus), "one")
	lab.Until(t, "the outbox to drain", store.IsDrained)
}

func TestOrderOfEachKeyWithConcurrentWritersAndRelays(t *testing.T) {
	store, bus := lab.NewStore(t), lab.NewBus(t)
	topic := bus.Topic(3)
	for n := range 3 {
		running(t, store, producer(t, bus), fmt.Sprint("relay-", n))
	}
	const writers, each = 8, 50
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for n := range each {
				err := store.DB.Work(context.Background(), message.NewContext(), func(work *database.Work) error {
					work.Append(lab.Envelope(topic, fmt.Sprint("k", (writer+n)%10), n))
					work.Append(lab.Envelope(topic, fmt.Sprint("k", (writer*n)%10), n))
					if n%9 == 8 {
						return fmt.Errorf("rolled back")
					}
					return nil
				})
				if (err != nil) != (n%9 == 8) {
					t.Errorf("writer %d: %v", writer, err)
				}
			}
		})
	}
	all.Wait()
	lab.Until(t, "the outbox to drain", store.IsDrained)
	want := writers * (each - each/9) * 2
	found := lab.FirstSequences(bus.Read(want, topic))
	total := 0
	for key, sequences := range found {
		total += len(sequences)
		if !lab.IsDense(sequences) {
			t.Errorf("%s: %v", key, sequences)
		}
	}
	if total != want {
		t.Errorf("%d messages of %d", total, want)
	}
}

// stub answers as told, by key.
type stub struct {
	mu       sync.Mutex
	sent     []string
	failures map[string]*rules.Failure
}

func (s *stub) Send(_ context.Context, records []*kgo.Record, meanwhile func()) []*rules.Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	meanwhile()
	results := make([]*rules.Failure, len(records))
	for i, record := range records {
		s.sent = append(s.sent, string(record.Key))
		results[i] = s.failures[string(record.Key)]
	}
	return results
}

func (s *stub) answer(key string, failure *rules.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[key] = failure
}

func TestFailedHeadHoldsItsKeyAndNoOther(t *testing.T) {
	store := lab.NewStore(t)
	sender := &stub{failures: map[string]*rules.Failure{"bad": {Kind: rules.MessageFailure, Text: "not now"}}}
	store.Publish("t", "bad", "good", "bad", "good")
	running(t, store, sender, "one")
	lab.Until(t, "the other key", func() bool { return store.Count("SELECT count(*) FROM outbox") == 2 })
	lab.Until(t, "a second try", func() bool {
		return store.Count("SELECT coalesce(max(attempts), 0) FROM outbox WHERE msg_key = 'bad'") >= 2
	})
	if behind := store.Count("SELECT max(attempts) FROM outbox WHERE key_seq = 2"); behind != 0 {
		t.Errorf("what waits behind was tried %d times", behind)
	}
	sender.answer("bad", nil)
	lab.Until(t, "the key to go on", store.IsDrained)
}

func TestFatalFailureBuriesTheMessageAndHoldsItsKey(t *testing.T) {
	store := lab.NewStore(t)
	sender := &stub{failures: map[string]*rules.Failure{"bad": {Kind: rules.FatalFailure, Text: "too large"}}}
	store.Publish("t", "bad", "good", "bad")
	running(t, store, sender, "one")
	lab.Until(t, "the dead message", func() bool { return store.Count("SELECT count(*) FROM outbox_dead") == 1 })
	sender.answer("bad", nil)
	store.Publish("t", "good", "bad")
	lab.Until(t, "the other key", func() bool {
		return store.Count("SELECT count(*) FROM outbox WHERE msg_key = 'good'") == 0
	})
	if waiting := store.Count("SELECT count(*) FROM outbox WHERE msg_key = 'bad'"); waiting != 2 {
		t.Errorf("%d wait behind the dead one", waiting)
	}
}

func TestTooLargeIsFatalOnARealBroker(t *testing.T) {
	bus := lab.NewBus(t)
	topic := bus.Topic(1)
	results := producer(t, bus).Send(t.Context(), []*kgo.Record{
		{Topic: topic, Key: []byte("k"), Value: make([]byte, kafka.RecordMost+1)},
		{Topic: topic, Key: []byte("k"), Value: []byte("behind")},
		{Topic: topic, Key: []byte("other"), Value: []byte("fine")},
	}, nil)
	if results[0] == nil || results[0].Kind != rules.FatalFailure || results[1] == nil || results[2] != nil {
		t.Errorf("results %v", results)
	}
}

func TestLeasesAreSharedAndGivenBack(t *testing.T) {
	store := lab.NewStore(t)
	sender := &stub{failures: map[string]*rules.Failure{}}
	one := running(t, store, sender, "one")
	lab.Until(t, "all buckets", func() bool { return one.Buckets() == rules.Buckets })
	two := running(t, store, sender, "two")
	lab.Until(t, "a fair share", func() bool {
		return one.Buckets() == rules.Buckets/2 && two.Buckets() == rules.Buckets/2
	})
	one.Stop()
	lab.Until(t, "the other to take over", func() bool { return two.Buckets() == rules.Buckets })
}

func TestWhoeverWasOvertakenRecordsNothing(t *testing.T) {
	store := lab.NewStore(t)
	ctx := t.Context()
	connection, err := store.DB.Dedicated(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }()
	leases := relay.NewLeases("one")
	if err := leases.Keep(ctx, connection); err != nil {
		t.Fatal(err)
	}
	held := func() bool {
		ok, err := leases.Hold(ctx, connection, leases.Buckets())
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !held() {
		t.Fatal("not held at first")
	}
	store.Exec("UPDATE lease SET expires_at = '-infinity'")
	store.Exec("SELECT lease_take('relay:7', 'two', interval '10 seconds')")
	if held() {
		t.Error("held though another took a bucket")
	}
}
