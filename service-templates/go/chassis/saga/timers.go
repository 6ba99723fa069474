package saga

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/message"
	"chassis/saga/machine"
	"chassis/telemetry"
)

const (
	idle        = time.Second           // between two looks when nothing wakes, and after nothing could be done
	breath      = 20 * time.Millisecond // between two looks while there is much to do; another instance may be at it
	batch       = 100
	callsAtOnce = 8

	selectDue = `
SELECT saga_id, saga_type, mode FROM saga_instance WHERE next_timer_at <= clock_timestamp()
 ORDER BY next_timer_at LIMIT $1`
	selectDueParticipations = `
SELECT saga_id FROM saga_participant WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT $1`
	selectNext = `
SELECT extract(epoch FROM least((SELECT min(next_timer_at) FROM saga_instance WHERE next_timer_at IS NOT NULL),
                                (SELECT min(due_at) FROM saga_participant WHERE due_at IS NOT NULL))
                          - clock_timestamp())::float8`
)

// Timers do what is due in sagas, judged by the database's clock. Rows are their memory; they have no other.
//
// Every due row is handled in a transaction of its own, which takes the row or leaves it to another instance. Calls are
// made between two transactions: the first notes when to call again should nobody tell, the second takes in the answer.
type Timers struct {
	engine *Engine
	db     *database.Database
	awake  chan struct{}
	calls  chan struct{} // a place for each call that is under way
	making sync.WaitGroup
	stop   context.CancelFunc
	done   chan struct{}
}

// Timers of the engine; to be started and stopped by the service.
func (e *Engine) Timers(db *database.Database) *Timers {
	timers := &Timers{
		engine: e, db: db, awake: make(chan struct{}, 1), calls: make(chan struct{}, callsAtOnce), done: make(chan struct{}),
	}
	e.wakers = append(e.wakers, timers.Wake)
	return timers
}

// Wake lets them look at once.
func (t *Timers) Wake() {
	select {
	case t.awake <- struct{}{}:
	default:
	}
}

// Start begins.
func (t *Timers) Start(ctx context.Context) {
	ctx, t.stop = context.WithCancel(ctx)
	go t.run(ctx)
}

// Stop ends what is in hand; calls that are still out are made again by the next process.
func (t *Timers) Stop() {
	if t.stop != nil {
		t.stop()
		<-t.done
		t.making.Wait()
	}
}

func (t *Timers) run(ctx context.Context) {
	defer close(t.done)
	for ctx.Err() == nil {
		pause, err := t.pause(ctx)
		if err == nil && pause <= 0 {
			var done int
			if done, err = t.RunDue(ctx); done > 0 {
				pause = breath
			} else {
				pause = idle
			}
		}
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "saga timers", "reason", err)
			pause = idle
		}
		select {
		case <-ctx.Done():
		case <-t.awake:
		case <-time.After(pause):
		}
	}
}

func (t *Timers) pause(ctx context.Context) (time.Duration, error) {
	var seconds *float64
	if err := t.db.Pool().QueryRow(ctx, selectNext).Scan(&seconds); err != nil {
		return idle, err
	}
	if seconds == nil || *seconds > idle.Seconds() {
		return idle, nil
	}
	return time.Duration(*seconds * float64(time.Second)), nil
}

// RunDue does what is due now, and tells how many rows were dealt with.
func (t *Timers) RunDue(ctx context.Context) (int, error) {
	type dueSaga struct {
		ID         uuid.UUID
		Saga, Mode string
	}
	rows, err := t.db.Pool().Query(ctx, selectDue, batch)
	if err != nil {
		return 0, err
	}
	sagas, err := pgx.CollectRows(rows, pgx.RowToStructByPos[dueSaga])
	if err != nil {
		return 0, err
	}
	rows, err = t.db.Pool().Query(ctx, selectDueParticipations, batch)
	if err != nil {
		return 0, err
	}
	participations, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, err
	}
	done := 0
	for _, due := range sagas {
		done += t.guarded(ctx, due.ID, func() error { return t.saga(ctx, due.ID, due.Saga, due.Mode) })
	}
	for _, id := range participations {
		done += t.guarded(ctx, id, func() error {
			return t.db.Work(ctx, message.NewContext(), func(work *database.Work) error {
				return t.engine.performer.due(ctx, work, id)
			})
		})
	}
	return done, nil
}

// guarded: one saga's failure must not keep the others waiting.
func (t *Timers) guarded(ctx context.Context, id uuid.UUID, act func() error) int {
	if err := act(); err != nil {
		if ctx.Err() == nil {
			slog.ErrorContext(ctx, "the timer of a saga failed", "saga_id", id.String(), "reason", err)
		}
		return 0
	}
	return 1
}

func (t *Timers) saga(ctx context.Context, id uuid.UUID, saga, mode string) error {
	var calls []pendingCall
	err := t.db.Work(ctx, message.NewContext(), func(work *database.Work) error {
		if mode == machine.Choreography {
			return t.engine.monitor.due(ctx, work, id, saga)
		}
		var err error
		calls, err = t.engine.conductor.due(ctx, work, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, call := range calls {
		t.making.Add(1)
		go func() {
			defer t.making.Done()
			select {
			case t.calls <- struct{}{}:
				defer func() { <-t.calls }()
				t.guarded(ctx, id, func() error { return t.make(ctx, call) })
			case <-ctx.Done():
			}
		}()
	}
	return nil
}

// make asks the peer and takes in what it says.
func (t *Timers) make(ctx context.Context, call pendingCall) error {
	saga := call.request.Saga
	var parent map[string]string
	if call.trace != "" {
		parent = map[string]string{message.TraceParent: call.trace}
	}
	ctx, span := telemetry.Start(ctx, telemetry.Span{Name: "step " + saga.Step, Parent: parent})
	defer span.End()
	ctx = telemetry.Bind(ctx, telemetry.Bound{Correlation: call.request.CorrelationID, Saga: saga.ID.String()})
	given, err := t.ask(ctx, call)
	if err != nil {
		return err
	}
	cause := message.NewContext()
	cause.CorrelationID = call.request.CorrelationID
	return t.db.Work(ctx, cause, func(work *database.Work) error {
		return t.engine.conductor.decide(ctx, work, saga.ID, given)
	})
}

func (t *Timers) ask(ctx context.Context, call pendingCall) (machine.Input, error) {
	if t.engine.call == nil {
		return nil, errors.New("this service was composed without a client for its peers")
	}
	answer, err := t.engine.call(ctx, call.request)
	if err != nil {
		slog.InfoContext(ctx, "a peer gives no answer", "peer", call.request.Peer, "step", call.request.Saga.Step, "reason", err)
		return machine.Unanswered{CommandID: call.commandID}, nil
	}
	reply := machine.Reply{CommandID: call.commandID, Event: answer.Event}
	if answer.Data != nil {
		reply.Payload = answer.Data
	}
	if answer.CarriedOut && !answer.Rejected {
		reply.Outcome = machine.OutcomeSucceeded
		return reply, nil
	}
	reply.Outcome = machine.OutcomeFailed
	// Somebody else was first, or the aggregate is in another state: both may be otherwise a moment later.
	reply.Retryable = answer.Status == http.StatusConflict && !answer.CarriedOut
	if !answer.Rejected {
		reply.Error = fmt.Sprintf("http-%d", answer.Status)
	}
	return reply, nil
}
