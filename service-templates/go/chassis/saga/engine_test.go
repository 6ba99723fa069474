package saga_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/domain"
	"chassis/internal/lab"
	"chassis/message"
	"chassis/saga"
	"chassis/saga/machine"
)

var modes = []string{machine.Orchestration, machine.Choreography}

func inBothModes(t *testing.T, test func(t *testing.T, f *fleet)) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) { test(t, newFleet(t, mode)) })
	}
}

func (f *fleet) expect(id uuid.UUID, status machine.Status, effects map[string][]string) {
	f.t.Helper()
	if got := f.status(id); got != status {
		f.t.Errorf("the saga is %s, not %s: %v", got, status,
			lab.Value[*string](f.members["order"].Store, "SELECT stuck_reason FROM saga_instance WHERE saga_id = $1", id))
	}
	for _, name := range services {
		if got := f.members[name].effects(); !slices.Equal(got, effects[name]) {
			f.t.Errorf("%s did %v, not %v", name, got, effects[name])
		}
	}
}

func TestAllStepsSucceed(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		f.doubled = true
		id := f.place("o1")
		f.run()
		f.expect(id, machine.Completed, map[string][]string{
			"order": {"PlaceOrder", "Confirm"}, "payment": {"Authorize"}, "shipping": {"Ship"},
		})
	})
}

func TestARefusalUndoesInReverseOrder(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		f.doubled = true
		f.members["shipping"].refuses["Ship"] = true
		id := f.place("o1")
		f.run()
		f.expect(id, machine.Compensated, map[string][]string{
			"order": {"PlaceOrder", "CancelOrder"}, "payment": {"Authorize", "Void"}, "shipping": {"Ship"},
		})
		order := f.members["order"]
		if reason := lab.Value[string](order.Store, "SELECT wire->>'reason' FROM effect WHERE command = 'CancelOrder'"); reason != "Refused" {
			t.Errorf("the undo was told %q", reason)
		}
	})
}

func TestOneLiveSagaAKey(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		first, second := f.place("o1"), f.place("o1")
		if first != second {
			t.Errorf("two live sagas: %s and %s", first, second)
		}
		f.run()
		if third := f.place("o1"); third == first {
			t.Error("a saga that ended still holds its key")
		}
	})
}

func TestAnUndoThatIsNeedlessSucceeds(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		f.members["shipping"].refuses["Ship"] = true
		f.members["payment"].fails["Void"] = voided()
		id := f.place("o1")
		f.run()
		f.expect(id, machine.Compensated, map[string][]string{
			"order": {"PlaceOrder", "CancelOrder"}, "payment": {"Authorize"}, "shipping": {"Ship"},
		})
	})
}

func TestSilenceBeforeThePivotIsUndone(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		f.lost["payment.Authorized.v1"] = true // the reply of an orchestrated step has this type, too
		id := f.place("o1")
		f.run()
		for range 3 { // tries of an orchestrated step; the first silence of a choreographed one suffices
			f.pass(id)
			f.run()
		}
		f.expect(id, machine.Compensated, map[string][]string{
			"order": {"PlaceOrder", "CancelOrder"}, "payment": {"Authorize", "Void"}, "shipping": nil,
		})
	})
}

func TestACompensationThatComesFirstClosesTheStep(t *testing.T) {
	f := newFleet(t, machine.Orchestration)
	f.place("o1")
	forward := f.members["order"].taken()
	undo := find(t, forward, "payment.Authorize.v1")
	back := *undo
	back.Headers = map[string]string{}
	for name, value := range undo.Headers {
		back.Headers[name] = value
	}
	back.Headers[message.Type], back.Headers[message.SagaDirection] = "payment.Void.v1", "compensate"
	back.Headers[message.ID] = uuid.NewString()
	payment := f.members["payment"]
	payment.receive(&back)
	payment.receive(undo)
	if done := payment.effects(); len(done) != 0 {
		t.Errorf("carried out in spite of its undoing: %v", done)
	}
	var outcomes []string
	for _, reply := range payment.taken() {
		outcomes = append(outcomes, reply.Headers[message.Outcome]+" "+reply.Headers[message.ErrorCode])
	}
	if !slices.Equal(outcomes, []string{"succeeded ", "failed closed"}) {
		t.Errorf("answered %v", outcomes)
	}
}

func find(t *testing.T, records []*message.Record, kind string) *message.Record {
	t.Helper()
	for _, record := range records {
		if record.Type() == kind {
			return record
		}
	}
	t.Fatalf("no %s was sent", kind)
	return nil
}

func TestAConflictIsTriedAgainWithTheSameBarrier(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		payment := f.members["payment"]
		payment.fails["Authorize"] = &domain.Conflict{Text: "somebody was first"}
		id := f.place("o1")
		f.run()
		delete(payment.fails, "Authorize")
		if payment.Count("SELECT count(*) FROM saga_participant WHERE last_error IS NOT NULL AND due_at IS NOT NULL") == 1 {
			payment.Exec("UPDATE saga_participant SET due_at = clock_timestamp()") // who takes part in a choreography tries by itself
		} else {
			f.pass(id)
		}
		f.run()
		f.expect(id, machine.Completed, map[string][]string{
			"order": {"PlaceOrder", "Confirm"}, "payment": {"Authorize"}, "shipping": {"Ship"},
		})
	})
}

func TestBehindThePivotAnOperatorDecides(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		order := f.members["order"]
		order.fails["Confirm"] = &domain.Conflict{Text: "not now"}
		id := f.place("o1")
		f.run()
		for range 20 {
			if f.status(id) == machine.Stuck {
				break
			}
			f.pass(id)
			f.run()
		}
		admin := saga.NewAdmin(order.engine, order.DB)
		ctx := context.Background()
		shown, err := admin.Show(ctx, id)
		if err != nil || shown.Status != string(machine.Stuck) || !shown.PivotPassed || len(shown.Steps) < 4 {
			t.Fatalf("not stuck behind the pivot: %+v, %v", shown, err)
		}
		retry := saga.Order{Name: machine.Retry, Actor: "ann", Reason: "mended", ExpectedVersion: shown.Version}
		var conflict *domain.Conflict
		stale := retry
		stale.ExpectedVersion--
		if _, err := admin.Operate(ctx, id, stale); !errors.As(err, &conflict) {
			t.Errorf("a stale version was accepted: %v", err)
		}
		undo := retry
		undo.Name = machine.CompensateSaga
		var refused machine.OperationRefused
		if _, err := admin.Operate(ctx, id, undo); !errors.As(err, &refused) {
			t.Errorf("undone behind the pivot without force: %v", err)
		}
		delete(order.fails, "Confirm")
		for range 2 { // the second time changes nothing
			if _, err := admin.Operate(ctx, id, retry); err != nil {
				t.Fatal(err)
			}
		}
		if count := order.Count("SELECT count(*) FROM saga_action WHERE saga_id = $1", id); count != 1 {
			t.Errorf("recorded %d interventions", count)
		}
		order.Exec("UPDATE saga_participant SET due_at = clock_timestamp() WHERE due_at IS NOT NULL")
		f.run()
		f.expect(id, machine.Completed, map[string][]string{
			"order": {"PlaceOrder", "Confirm"}, "payment": {"Authorize"}, "shipping": {"Ship"},
		})
		if _, err := admin.Operate(ctx, id, saga.Order{Name: machine.Abort, Actor: "ann", ExpectedVersion: 1}); !errors.As(err, &conflict) {
			t.Errorf("an old version was accepted: %v", err)
		}
		page, err := admin.List(ctx, saga.Wanted{Status: "completed", Limit: 10})
		if err != nil || len(page.Items) != 1 || page.Items[0].SagaID != id || page.Next != nil {
			t.Errorf("listed %+v, %v", page, err)
		}
	})
}

func TestTimersFireInAProcessThatBeganAfterwards(t *testing.T) {
	f := newFleet(t, machine.Orchestration)
	f.lost["payment.Authorize.v1"] = true
	id := f.place("o1")
	f.run()
	f.pass(id)
	order := f.members["order"]
	order.begin() // nothing is in memory
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	order.timers.Start(ctx)
	defer order.timers.Stop()
	lab.Until(t, "the step is sent again", func() bool {
		return order.Count("SELECT attempt FROM saga_step WHERE saga_id = $1 AND seq = 2", id) == 2
	})
}

func TestOneOfManyInstancesTakesATimer(t *testing.T) {
	f := newFleet(t, machine.Orchestration)
	f.lost["payment.Authorize.v1"] = true
	id := f.place("o1")
	f.run()
	f.pass(id)
	order := f.members["order"]
	locked, release := make(chan struct{}), make(chan struct{})
	finished := make(chan error, 1)
	go func() {
		finished <- order.DB.Tx(context.Background(), func(tx pgx.Tx) error {
			_, err := tx.Exec(context.Background(), "SELECT FROM saga_instance WHERE saga_id = $1 FOR UPDATE", id)
			close(locked)
			<-release
			return err
		})
	}()
	<-locked
	began := time.Now()
	if _, err := order.timers.RunDue(context.Background()); err != nil {
		t.Fatal(err)
	}
	if time.Since(began) > 5*time.Second {
		t.Error("waited for a row that another instance is at")
	}
	close(release)
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	if attempt := order.Count("SELECT attempt FROM saga_step WHERE saga_id = $1 AND seq = 2", id); attempt != 1 {
		t.Errorf("sent again by who did not have the row: attempt %d", attempt)
	}
}

func TestAVersionThatLosesAStepOfALiveSagaDoesNotStart(t *testing.T) {
	inBothModes(t, func(t *testing.T, f *fleet) {
		order := f.members["order"]
		f.place("o1")
		kept := order.facts.Sagas[0]
		changed := kept
		changed.Steps = append(slices.Clone(kept.Steps[:1]), kept.Steps[2:]...)
		order.facts.Sagas[0] = changed
		engine := saga.NewEngine(order.facts, wire{order.facts}, wire{order.facts}, order.execute, nil)
		err := order.work(func(ctx context.Context, work *database.Work) error { return engine.Check(ctx, work) })
		var mismatch *saga.DefinitionMismatch
		if !errors.As(err, &mismatch) {
			t.Fatalf("started without a step: %v", err)
		}
		changed.Version = 2
		order.facts.Sagas[0] = changed
		order.begin() // a new version may: the live saga keeps its own
		f.run()
		if f.members["payment"].effects() == nil {
			t.Error("the saga that lives did not go on in its own version")
		}
	})
}

func TestWhatEndedLongAgoIsForgotten(t *testing.T) {
	f := newFleet(t, machine.Orchestration)
	id := f.place("o1")
	f.run()
	order := f.members["order"]
	order.Exec("UPDATE saga_instance SET finished_at = now() - interval '39 days'")
	order.Exec("UPDATE saga_participant SET updated_at = now() - interval '39 days'")
	err := order.DB.Tx(context.Background(), func(tx pgx.Tx) error {
		gone, err := saga.Sweep(context.Background(), tx)
		if gone != 2 {
			t.Errorf("%d rows went", gone)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if order.Count("SELECT count(*) FROM saga_step WHERE saga_id = $1", id) != 0 {
		t.Error("steps are left")
	}
}
