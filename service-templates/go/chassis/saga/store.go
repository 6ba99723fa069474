package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/message"
	"chassis/saga/machine"
)

// keptDays is how long what makes a returning record harmless is kept: longer than topics and dead letters.
const (
	keptDays   = 38
	sweepBatch = 1000
)

const (
	selectSaga = `
SELECT saga_id, saga_type, mode, business_key, correlation_id, coalesce(trace, ''), version, status, current_step,
       pivot_passed, data, started_at, deadline_at, next_timer_at, coalesce(stuck_reason, ''), finished_at,
       definition_version
  FROM saga_instance WHERE saga_id = $1`
	locked    = ` FOR UPDATE`
	lockedDue = ` AND next_timer_at <= clock_timestamp() FOR UPDATE SKIP LOCKED`

	insertSaga = `
INSERT INTO saga_instance (saga_id, saga_type, definition_version, business_key, mode, status, current_step,
  pivot_passed, data, correlation_id, trace, started_at, deadline_at, next_timer_at, finished_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), $12, $13, $14, $15)
ON CONFLICT (saga_type, business_key) WHERE status IN ('running', 'compensating', 'stuck') DO NOTHING`
	selectLive = `
SELECT saga_id FROM saga_instance
 WHERE saga_type = $1 AND business_key = $2 AND status IN ('running', 'compensating', 'stuck')`
	updateSaga = `
UPDATE saga_instance SET status = $1, current_step = $2, pivot_passed = $3, data = $4, deadline_at = $5,
  next_timer_at = $6, stuck_reason = nullif($7, ''), finished_at = $8, version = version + 1,
  updated_at = clock_timestamp()
WHERE saga_id = $9 AND version = $10`
	putStep = `
INSERT INTO saga_step (saga_id, seq, name, direction, kind, status, command_id, attempt, deadline_at, reply, error,
  sent_at, ended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, nullif($11, ''), $12, $13)
ON CONFLICT (saga_id, seq, direction) DO UPDATE SET status = excluded.status, command_id = excluded.command_id,
  attempt = excluded.attempt, deadline_at = excluded.deadline_at, reply = excluded.reply, error = excluded.error,
  sent_at = excluded.sent_at, ended_at = excluded.ended_at`
	selectSteps = `
SELECT seq, direction, status, attempt, deadline_at, reply, coalesce(error, ''), sent_at, ended_at FROM saga_step
 WHERE saga_id = $1`
	unlockSaga = `DELETE FROM saga_lock WHERE saga_id = $1`

	selectForgotten = `
SELECT saga_id FROM saga_instance
 WHERE finished_at < now() - make_interval(days => $1) ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED`
	sweepParticipations = `
DELETE FROM saga_participant WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM saga_participant WHERE updated_at < now() - make_interval(days => $1) AND due_at IS NULL LIMIT $2))`
)

var forget = []string{
	"DELETE FROM saga_lock WHERE saga_id = ANY($1)",
	"DELETE FROM saga_step WHERE saga_id = ANY($1)",
	"DELETE FROM saga_instance WHERE saga_id = ANY($1)",
}

// ErrStale: the saga changed since it was read; the transaction has to begin afresh.
var ErrStale = errors.New("the saga changed since it was read")

// stored is a saga with what the decisions need not know.
type stored struct {
	state       machine.State
	saga        string
	mode        string
	businessKey string
	origin      origin
	version     int64
	definition  int // the version of its definition
}

func now(ctx context.Context, work *database.Work) (time.Time, error) {
	return database.ServerTime(ctx, work.Tx())
}

// create writes a new saga. When one with the same key lives already, nothing is written and its id is returned.
func create(ctx context.Context, at acting, state machine.State, businessKey string) (live *uuid.UUID, err error) {
	data, err := encoded(state.Data)
	if err != nil {
		return nil, err
	}
	cause := at.work.Context()
	tag, err := at.work.Tx().Exec(ctx, insertSaga, state.SagaID, at.flow.Name(), at.flow.Saga.Version, businessKey,
		at.flow.Saga.Mode, state.Status, state.CurrentStep, state.PivotPassed, data, cause.CorrelationID, cause.TraceParent,
		state.StartedAt, state.DeadlineAt, state.NextTimerAt, state.FinishedAt)
	if err != nil {
		return nil, err
	}
	if tag.RowsAffected() > 0 {
		return nil, putSteps(ctx, at, nil, state)
	}
	var id uuid.UUID
	err = at.work.Tx().QueryRow(ctx, selectLive, at.flow.Name(), businessKey).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("%w: %s %s ended this moment", ErrStale, at.flow.Name(), businessKey)
	}
	return &id, err
}

// load reads the saga; nil when there is none, or with lockedDue none whose timer has passed and that nobody else is at.
func load(ctx context.Context, work *database.Work, id uuid.UUID, locking string) (*stored, error) {
	found, data := stored{}, []byte(nil)
	s := &found.state
	err := work.Tx().QueryRow(ctx, selectSaga+locking, id).Scan(&s.SagaID, &found.saga, &found.mode, &found.businessKey,
		&found.origin.correlation, &found.origin.trace, &found.version, &s.Status, &s.CurrentStep, &s.PivotPassed, &data,
		&s.StartedAt, &s.DeadlineAt, &s.NextTimerAt, &s.StuckReason, &s.FinishedAt, &found.definition)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := decoded(data, &s.Data); err != nil {
		return nil, err
	}
	s.StartedAt, s.DeadlineAt = s.StartedAt.UTC(), s.DeadlineAt.UTC()
	s.NextTimerAt, s.FinishedAt = utc(s.NextTimerAt), utc(s.FinishedAt)
	s.Runs, err = loadRuns(ctx, work, id)
	return &found, err
}

// save writes the next state over the one that was loaded.
func save(ctx context.Context, at acting, before *stored, state machine.State) error {
	data, err := encoded(state.Data)
	if err != nil {
		return err
	}
	tag, err := at.work.Tx().Exec(ctx, updateSaga, state.Status, state.CurrentStep, state.PivotPassed, data,
		state.DeadlineAt, state.NextTimerAt, state.StuckReason, state.FinishedAt, state.SagaID, before.version)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return ErrStale
	}
	if err := putSteps(ctx, at, before.state.Runs, state); err != nil {
		return err
	}
	if state.FinishedAt != nil {
		_, err = at.work.Tx().Exec(ctx, unlockSaga, state.SagaID)
	}
	return err
}

// Sweep deletes one batch of sagas that ended long ago, and of participations that nothing has touched for long; how many
// rows went.
func Sweep(ctx context.Context, tx pgx.Tx) (int64, error) {
	rows, err := tx.Query(ctx, selectForgotten, keptDays, sweepBatch)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, err
	}
	for _, statement := range forget {
		if len(ids) == 0 {
			break
		}
		if _, err := tx.Exec(ctx, statement, ids); err != nil {
			return 0, err
		}
	}
	tag, err := tx.Exec(ctx, sweepParticipations, keptDays, 5*sweepBatch)
	return int64(len(ids)) + tag.RowsAffected(), err
}

// stepReply is what a step's row keeps beside its columns.
type stepReply struct {
	Parts []machine.Part `json:"parts"`
	Due   *time.Time     `json:"due,omitempty"`
}

func putSteps(ctx context.Context, at acting, before machine.Runs, after machine.State) error {
	for _, run := range after.Runs.Sorted() {
		known, isKnown := before[machine.RunKey{Seq: run.Seq, Direction: run.Direction}]
		if isKnown && sameRun(known, run) {
			continue
		}
		if err := putRun(ctx, at, run); err != nil {
			return err
		}
	}
	return nil
}

func sameRun(one, other machine.Run) bool {
	a, errA := json.Marshal(one)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && string(a) == string(b)
}

func putRun(ctx context.Context, at acting, run machine.Run) error {
	step := at.flow.Step(run.Seq)
	name := step.Name
	if run.Direction == message.Compensate {
		name = step.Undo
	}
	kept := stepReply{Parts: make([]machine.Part, len(run.Parts)), Due: run.DueAt}
	for index, part := range run.Parts {
		if run.EndedAt != nil {
			part.Payload = nil // the saga's data has it
		}
		kept.Parts[index] = part
	}
	reply, err := encoded(kept)
	if err != nil {
		return err
	}
	first := at.id // nothing to fan out over
	if len(run.Parts) > 0 {
		first = run.Parts[0].CommandID
	}
	_, err = at.work.Tx().Exec(ctx, putStep, at.id, run.Seq, name, run.Direction, step.Kind, run.Status, first, run.Attempt,
		run.DeadlineAt, reply, run.Error, run.SentAt, run.EndedAt)
	return err
}

func loadRuns(ctx context.Context, work *database.Work, id uuid.UUID) (machine.Runs, error) {
	rows, err := work.Tx().Query(ctx, selectSteps, id)
	if err != nil {
		return nil, err
	}
	runs := machine.Runs{}
	var run machine.Run
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&run.Seq, &run.Direction, &run.Status, &run.Attempt, &run.DeadlineAt, &text,
		&run.Error, &run.SentAt, &run.EndedAt}, func() error {
		var reply stepReply
		if text != nil {
			if err := decoded(text, &reply); err != nil {
				return err
			}
		}
		one := run
		one.Parts, one.DueAt = reply.Parts, utc(reply.Due)
		one.DeadlineAt, one.SentAt, one.EndedAt = utc(run.DeadlineAt), utc(run.SentAt), utc(run.EndedAt)
		runs[machine.RunKey{Seq: one.Seq, Direction: one.Direction}] = one
		return nil
	})
	return runs, err
}

// utc is a copy, so that rows that are read into the same place do not share it.
func utc(moment *time.Time) *time.Time {
	if moment == nil {
		return nil
	}
	same := moment.UTC()
	return &same
}
