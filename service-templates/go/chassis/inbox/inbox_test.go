package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chassis/database"
	"chassis/dispatch"
	"chassis/domain"
	"chassis/inbox"
	"chassis/internal/lab"
	"chassis/kafka"
	"chassis/message"
	"chassis/rules"
)

const topic = "lab.events"

// fixture is an inbox whose handler writes down what it saw.
type fixture struct {
	*lab.Store
	box  *inbox.Inbox
	fail map[string]error // by id of the record
	next int64
}

func newFixture(t *testing.T) *fixture {
	store := lab.NewStore(t)
	store.Exec("CREATE TABLE effect (n bigserial, id text, msg_key text, seq bigint)")
	f := &fixture{Store: store, fail: map[string]error{}}
	handlers := dispatch.New()
	handlers.On(lab.Type, func(ctx context.Context, record *message.Record, work *database.Work) error {
		sequence, _ := record.Sequence()
		_, err := work.Tx().Exec(ctx, "INSERT INTO effect (id, msg_key, seq) VALUES ($1, $2, $3)",
			record.ID(), record.Key, sequence)
		work.Append(lab.Envelope("lab.out", record.Key, int(sequence)))
		if err == nil {
			err = f.fail[record.ID()]
		}
		if err != nil && err.Error() == "panic" {
			panic("as told")
		}
		return err
	})
	f.box = inbox.New(store.DB, handlers, "lab.group")
	return f
}

func (f *fixture) record(key string, sequence int64, more map[string]string) *message.Record {
	f.next++
	all := map[string]string{message.ID: fmt.Sprint(key, "-", sequence)}
	for name, value := range more {
		all[name] = value
	}
	raw := lab.Record(topic, key, sequence, all)
	raw.Offset = f.next
	return kafka.RecordOf(raw)
}

func (f *fixture) receive(record *message.Record) rules.Verdict {
	f.T.Helper()
	verdict, err := f.box.Receive(context.Background(), record)
	if err != nil {
		f.T.Fatal(err)
	}
	return verdict
}

func (f *fixture) effects(key string) []int64 {
	f.T.Helper()
	return lab.Value[[]int64](f.Store, "SELECT coalesce(array_agg(seq ORDER BY n), '{}') FROM effect WHERE msg_key = $1", key)
}

func (f *fixture) expect(what string, got, want any) {
	f.T.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		f.T.Errorf("%s: %v instead of %v", what, got, want)
	}
}

// drain tries what is parked until nothing is due.
func (f *fixture) drain() {
	f.T.Helper()
	ctx := context.Background()
	for {
		due, err := f.box.Parked.Due(ctx, f.DB.Pool(), 10)
		if err != nil {
			f.T.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		for _, id := range due {
			err := f.DB.Work(ctx, message.NewContext(), func(work *database.Work) error {
				parked, err := f.box.Parked.Take(ctx, work.Tx(), id)
				if err != nil || parked == nil {
					return err
				}
				verdict, err := f.box.Retry(ctx, parked, work)
				if err == nil && verdict == rules.Gap {
					err = f.box.Parked.GiveUp(ctx, work.Tx(), id)
				}
				return err
			})
			if err != nil {
				f.T.Fatal(err)
			}
		}
	}
}

func TestEachRecordTakesEffectOnceWithItsMessages(t *testing.T) {
	f := newFixture(t)
	one := f.record("k", 1, nil)
	f.expect("first", f.receive(one), rules.Handle)
	f.expect("again", f.receive(one), rules.Duplicate)
	f.expect("same sequence, other id", f.receive(f.record("k", 1, map[string]string{message.ID: "other"})), rules.Stale)
	f.expect("effects", f.effects("k"), []int64{1})
	f.expect("messages sent", f.Count("SELECT count(*) FROM outbox"), 1)
}

func TestGapParksTheKeyAndItsSuccessorsUntilItCloses(t *testing.T) {
	f := newFixture(t)
	f.expect("1", f.receive(f.record("k", 1, nil)), rules.Handle)
	f.expect("4", f.receive(f.record("k", 4, nil)), rules.Gap)
	f.expect("3", f.receive(f.record("k", 3, nil)), rules.Gap)
	f.expect("other key", f.receive(f.record("other", 1, nil)), rules.Handle)
	f.expect("5", f.receive(f.record("k", 5, nil)), rules.BehindParked)
	f.expect("2", f.receive(f.record("k", 2, nil)), rules.Handle)
	f.drain()
	f.expect("effects", f.effects("k"), []int64{1, 2, 3, 4, 5})
	f.expect("parked", f.Count("SELECT count(*) FROM inbox_parked"), 0)
}

func TestFailingHandlerParksInOrderAndLeavesNoEffect(t *testing.T) {
	for name, reason := range map[string]error{
		"any":       errors.New("broken"),
		"domain":    &domain.NotFound{What: "Order", Key: "7"},
		"panic":     errors.New("panic"),
		"permanent": &message.PermanentFailure{Text: "never", Reason: message.Validation},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.fail["k-1"] = reason
			f.expect("fails", f.receive(f.record("k", 1, nil)), rules.Failed)
			f.expect("behind", f.receive(f.record("k", 2, nil)), rules.BehindParked)
			f.expect("effects", f.effects("k"), []int64{})
			f.expect("messages", f.Count("SELECT count(*) FROM outbox"), 0)
			attempts := 1
			if name == "permanent" {
				attempts = rules.ParkedAttempts
			}
			f.expect("attempts", f.Count("SELECT attempts::bigint FROM inbox_parked WHERE reason = 'error'"), attempts)
			delete(f.fail, "k-1")
			f.Exec("UPDATE inbox_parked SET next_at = now() WHERE reason = 'error'")
			f.drain()
			f.expect("mended", f.effects("k"), []int64{1, 2})
		})
	}
}

func TestTogetherIsAllOrNothing(t *testing.T) {
	f := newFixture(t)
	f.fail["b-1"] = errors.New("broken")
	records := []*message.Record{f.record("a", 1, nil), f.record("b", 1, nil), f.record("a", 2, nil)}
	done, err := f.box.ReceiveTogether(t.Context(), records)
	f.expect("together", fmt.Sprint(done, err), "false <nil>")
	f.expect("effects", f.effects("a"), []int64{})
	delete(f.fail, "b-1")
	done, err = f.box.ReceiveTogether(t.Context(), records)
	f.expect("mended", fmt.Sprint(done, err), "true <nil>")
	f.expect("effects", f.effects("a"), []int64{1, 2})
}

func TestUnavailableDatabaseLeavesTheRecord(t *testing.T) {
	f := newFixture(t)
	f.DB.Close()
	_, err := f.box.Receive(t.Context(), f.record("k", 1, nil))
	if !errors.Is(err, inbox.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func TestBytesThatAreNoTextSurviveParking(t *testing.T) {
	f := newFixture(t)
	f.fail["k-1"] = errors.New("broken")
	raw := lab.Record(topic, "k\xff\x00", 1, map[string]string{message.ID: "k-1", "odd": "\xfe\x00"})
	raw.Value = []byte{0, 1, 255}
	record := kafka.RecordOf(raw)
	f.expect("fails", f.receive(record), rules.Failed)
	err := f.DB.Work(t.Context(), message.NewContext(), func(work *database.Work) error {
		parked, err := f.box.Parked.At(t.Context(), work.Tx(), topic, 0, 0)
		if err != nil {
			return err
		}
		f.expect("key", parked.Record.RawKey, record.RawKey)
		f.expect("payload", parked.Record.Payload, record.Payload)
		f.expect("headers", parked.Record.RawHeaders, record.RawHeaders)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever the order of arrival and however often each record comes: every key is applied once and in order.
func TestAnyArrivalIsAppliedOnceInOrder(t *testing.T) {
	f := newFixture(t)
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		f.Exec("TRUNCATE effect")
		keys := []string{fmt.Sprint("x", run), fmt.Sprint("y", run)}
		most := rapid.IntRange(1, 5).Draw(r, "messages of each key")
		var arrivals []*message.Record
		for _, key := range keys {
			for sequence := 1; sequence <= most; sequence++ {
				record := f.record(key, int64(sequence), nil)
				for range rapid.IntRange(1, 2).Draw(r, "copies") {
					arrivals = append(arrivals, record)
				}
			}
		}
		for _, record := range rapid.Permutation(arrivals).Draw(r, "arrivals") {
			if _, err := f.box.Receive(context.Background(), record); err != nil {
				r.Fatal(err)
			}
		}
		f.drain()
		for _, key := range keys {
			effects := f.effects(key)
			if len(effects) != most || !slices.IsSorted(effects) || !lab.IsDense(effects) {
				r.Fatalf("%s: %v of %d", key, effects, most)
			}
		}
	})
}
