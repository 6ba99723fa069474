package saga

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/domain"
	"chassis/message"
	"chassis/saga/machine"
)

const (
	pageMost   = 200
	selectPage = `
SELECT saga_id, saga_type, mode, status, business_key, current_step, version, started_at, deadline_at, stuck_reason,
       finished_at
  FROM saga_instance
 WHERE ($1 = '' OR status = $1) AND ($2 = '' OR saga_type = $2) AND ($3::uuid IS NULL OR saga_id < $3)
 ORDER BY saga_id DESC LIMIT $4`
	selectShown = `
SELECT saga_id, saga_type, mode, status, business_key, current_step, version, started_at, deadline_at, stuck_reason,
       finished_at, definition_version, pivot_passed, correlation_id
  FROM saga_instance WHERE saga_id = $1`
	selectShownSteps = `
SELECT seq, name, direction, kind, status, attempt, deadline_at, error, sent_at, ended_at FROM saga_step
 WHERE saga_id = $1 ORDER BY seq, direction DESC`
	selectActions = `
SELECT op, actor, reason, expected_version, at FROM saga_action WHERE saga_id = $1 ORDER BY id`
	selectAction = `
SELECT EXISTS (SELECT FROM saga_action WHERE saga_id = $1 AND op = $2 AND actor = $3 AND expected_version = $4)`
	recordAction = `
INSERT INTO saga_action (saga_id, op, actor, reason, expected_version) VALUES ($1, $2, $3, $4, $5)`
)

// Admin is what operators see and do: they list and show sagas, and have four manual interventions. Who may use it is
// decided by who offers it.
//
// Errors are domain.NotFound, domain.Conflict for a version that is not the saga's any more, and machine.OperationRefused
// for an operation that does not fit its status; the last two are a 409.
type Admin struct {
	engine *Engine
	db     *database.Database
}

// NewAdmin is for the sagas of an engine.
func NewAdmin(engine *Engine, db *database.Database) *Admin { return &Admin{engine, db} }

// Summary of a saga.
type Summary struct {
	SagaID      uuid.UUID  `json:"sagaId"`
	Type        string     `json:"type"`
	Mode        string     `json:"mode"`
	Status      string     `json:"status"`
	BusinessKey string     `json:"businessKey"`
	CurrentStep int        `json:"currentStep"`
	Version     int64      `json:"version"`
	StartedAt   time.Time  `json:"startedAt"`
	DeadlineAt  time.Time  `json:"deadlineAt"`
	StuckReason *string    `json:"stuckReason"`
	FinishedAt  *time.Time `json:"finishedAt"`
}

// Page of sagas, the youngest first. Next is to be passed as after; nil on the last page.
type Page struct {
	Items []Summary  `json:"items"`
	Next  *uuid.UUID `json:"next"`
}

// Shown is one saga with its steps and what was done to it by hand.
type Shown struct {
	Summary
	DefinitionVersion int      `json:"definitionVersion"`
	PivotPassed       bool     `json:"pivotPassed"`
	CorrelationID     string   `json:"correlationId"`
	Steps             []Step   `json:"steps" db:"-"`
	Actions           []Action `json:"actions" db:"-"`
}

// Step of a saga in one direction.
type Step struct {
	Seq        int        `json:"seq"`
	Name       string     `json:"name"`
	Direction  string     `json:"direction"`
	Kind       string     `json:"kind"`
	Status     string     `json:"status"`
	Attempt    int        `json:"attempt"`
	DeadlineAt *time.Time `json:"deadlineAt"`
	Error      *string    `json:"error"`
	SentAt     *time.Time `json:"sentAt"`
	EndedAt    *time.Time `json:"endedAt"`
}

// Action is a manual intervention that was made.
type Action struct {
	Op              string    `json:"op"`
	Actor           string    `json:"actor"`
	Reason          string    `json:"reason"`
	ExpectedVersion int64     `json:"expectedVersion"`
	At              time.Time `json:"at"`
}

// Wanted says which sagas to list; what is empty fits all.
type Wanted struct {
	Status string
	Type   string
	After  *uuid.UUID
	Limit  int
}

// Order is a manual intervention: retry, skip, compensate or abort.
type Order struct {
	Name            machine.OperationName
	Actor           string
	Reason          string
	ExpectedVersion int64
	Force           bool
}

// List gives a page of sagas.
func (a *Admin) List(ctx context.Context, wanted Wanted) (Page, error) {
	limit := max(1, min(wanted.Limit, pageMost))
	rows, err := a.db.Pool().Query(ctx, selectPage, wanted.Status, wanted.Type, wanted.After, limit+1)
	if err != nil {
		return Page{}, err
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Summary])
	if err != nil || len(items) <= limit {
		return Page{Items: items}, err
	}
	return Page{items[:limit], &items[limit-1].SagaID}, nil
}

// Show gives one saga.
func (a *Admin) Show(ctx context.Context, id uuid.UUID) (shown Shown, err error) {
	err = a.db.Work(ctx, message.NewContext(), func(work *database.Work) error {
		shown, err = show(ctx, work, id)
		return err
	})
	return shown, err
}

// Operate intervenes and gives the saga as it then is. The same order on the same version by the same person is carried out
// once, however often it is asked for.
func (a *Admin) Operate(ctx context.Context, id uuid.UUID, order Order) (shown Shown, err error) {
	cause := message.NewContext()
	cause.Caller = order.Actor
	err = a.db.Work(ctx, cause, func(work *database.Work) error {
		if err := a.carryOut(ctx, work, id, order); err != nil {
			return err
		}
		shown, err = show(ctx, work, id)
		return err
	})
	return shown, err
}

func (a *Admin) carryOut(ctx context.Context, work *database.Work, id uuid.UUID, order Order) error {
	found, err := a.locked(ctx, work, id)
	if err != nil {
		return err
	}
	var done bool
	err = work.Tx().QueryRow(ctx, selectAction, id, order.Name, order.Actor, order.ExpectedVersion).Scan(&done)
	if err != nil || done {
		return err
	}
	if found.version != order.ExpectedVersion {
		return &domain.Conflict{Text: fmt.Sprintf("the saga has version %d, not %d", found.version, order.ExpectedVersion)}
	}
	given := machine.Operation{Name: order.Name, Force: order.Force}
	if found.mode == machine.Choreography {
		err = a.engine.monitor.operate(ctx, work, found, given)
	} else {
		err = a.engine.conductor.operate(ctx, work, found, given)
	}
	if err != nil {
		return err
	}
	_, err = work.Tx().Exec(ctx, recordAction, id, order.Name, order.Actor, order.Reason, order.ExpectedVersion)
	return err
}

// locked loads the saga under its lock, of a choreography after that of its participation.
func (a *Admin) locked(ctx context.Context, work *database.Work, id uuid.UUID) (*stored, error) {
	plain, err := load(ctx, work, id, "")
	if err != nil {
		return nil, err
	}
	if plain == nil {
		return nil, &domain.NotFound{What: "saga", Key: id.String()}
	}
	if plain.mode == machine.Choreography {
		if _, err := lockParticipation(ctx, work, id, plain.saga, plain.definition); err != nil {
			return nil, err
		}
	}
	return load(ctx, work, id, locked)
}

func show(ctx context.Context, work *database.Work, id uuid.UUID) (Shown, error) {
	rows, err := work.Tx().Query(ctx, selectShown, id)
	if err != nil {
		return Shown{}, err
	}
	shown, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Shown])
	if errors.Is(err, pgx.ErrNoRows) {
		return Shown{}, &domain.NotFound{What: "saga", Key: id.String()}
	}
	if err != nil {
		return Shown{}, err
	}
	if rows, err = work.Tx().Query(ctx, selectShownSteps, id); err != nil {
		return Shown{}, err
	}
	if shown.Steps, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Step]); err != nil {
		return Shown{}, err
	}
	if rows, err = work.Tx().Query(ctx, selectActions, id); err != nil {
		return Shown{}, err
	}
	shown.Actions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Action])
	return shown, err
}
