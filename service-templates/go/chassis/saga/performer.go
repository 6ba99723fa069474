package saga

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"chassis/database"
	"chassis/faults"
	"chassis/message"
	"chassis/saga/machine"
)

// performer is a participant's side of choreography: it takes in what happens, and does its own steps when their time has
// come.
//
// One action a transaction: what comes after it is left to the timer, so that one step's failure holds up no other's
// success. The step's barrier keys, its effect, its events and what is known of the saga are committed together. A step
// that fails is rolled back and tried again by the timer; that something happened is remembered all the same: otherwise
// the owner, whose own step fails, would not know that the pivot has passed, and sagas of the same key would wait for it.
type performer struct {
	ports *ports
	wake  func()
	told  func(ctx context.Context, at acting, given machine.Input) error // the own monitor need not wait for the bus
}

// start: the first step is done; nobody may do it again, and what follows from it here is due.
func (p *performer) start(ctx context.Context, at acting, inputs, event map[string]any) error {
	first := at.flow.Step(1).Name
	if err := p.closeFirst(ctx, at, first); err != nil {
		return err
	}
	known := machine.History{}.WithInputs(first, inputs)
	return p.keep(ctx, at, known.See(machine.Seen{Step: first, Role: machine.RoleSucceeded, Payload: event}))
}

func (p *performer) closeFirst(ctx context.Context, at acting, first string) error {
	if _, err := p.lock(ctx, at); err != nil {
		return err
	}
	_, err := take(ctx, at.work, at.id, first, message.Forward, 1)
	return err
}

// takeIn: something happened; remember it, and act if it was what a step here waited for.
func (p *performer) takeIn(ctx context.Context, at acting, given machine.Input) error {
	known, err := p.lock(ctx, at)
	if err != nil {
		return err
	}
	after := known
	switch given := given.(type) {
	case machine.Seen:
		after = known.See(given)
	case machine.Notice:
		after = known.Note(given)
	}
	if after.Equal(known) {
		return nil
	}
	return p.act(ctx, at, after)
}

// note: this service's own monitor has something to say; remember it, act later.
func (p *performer) note(ctx context.Context, at acting, notice machine.Notice) error {
	known, err := p.lock(ctx, at)
	if err != nil {
		return err
	}
	return p.keep(ctx, at, known.Note(notice))
}

// due: the participation's time has come, if nobody else is at it.
func (p *performer) due(ctx context.Context, work *database.Work, id uuid.UUID) error {
	row, err := readParticipation(ctx, work, id, participationDue)
	if err != nil || row == nil {
		return err
	}
	flow := p.ports.flows.Of(row.saga, row.version)
	if flow == nil {
		return postpone(ctx, work, id, row.data, fmt.Errorf("saga %s is not known here", row.saga))
	}
	known := machine.HistoryOf(row.data)
	action, _ := machine.Due(flow, p.ports.me(), known)
	faults.Point("saga.timer_claimed", action.Step.Name)
	at := acting{work, flow, id}
	return inSaga(ctx, at, row.origin, func(ctx context.Context) error { return p.act(ctx, at, known) })
}

func (p *performer) lock(ctx context.Context, at acting) (machine.History, error) {
	row, err := lockParticipation(ctx, at.work, at.id, at.flow.Name(), at.flow.Saga.Version)
	if err != nil {
		return machine.History{}, err
	}
	return machine.HistoryOf(row.data), nil
}

func (p *performer) act(ctx context.Context, at acting, known machine.History) error {
	action, isDue := machine.Due(at.flow, p.ports.me(), known)
	if !isDue {
		return p.keep(ctx, at, known)
	}
	direction := message.Compensate
	if action.Kind == machine.RunForward {
		direction = message.Forward
	}
	after := known
	err := at.work.Nested(ctx, func() error {
		return atStep(ctx, at.flow, action.Step.Name, direction, func(ctx context.Context) error {
			var err error
			after, err = p.perform(ctx, at, known, action)
			return err
		})
	})
	switch {
	case err == nil:
		return p.keep(ctx, at, after)
	case isAway(ctx, err):
		return err // the whole unit of work begins afresh
	}
	logger(ctx, at, slog.LevelWarn, "a step failed and is tried again", "step", action.Step.Name, "reason", err)
	return postpone(ctx, at.work, at.id, known.JSON(), err)
}

// isAway: the database is away, or another transaction was in the way.
func isAway(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, ErrStale) {
		return true
	}
	var problem *pgconn.PgError
	if errors.As(err, &problem) {
		switch problem.Code[:2] {
		case "08", "40", "53", "55", "57", "58": // connection, rollback, resources, not available, operator, system
			return true
		}
	}
	return false
}

func (p *performer) keep(ctx context.Context, at acting, known machine.History) error {
	_, more := machine.Due(at.flow, p.ports.me(), known)
	if err := keepParticipation(ctx, at.work, at.id, known.JSON(), more); err != nil {
		return err
	}
	if more {
		at.work.OnCommit(p.wake)
	}
	return nil
}

func (p *performer) perform(ctx context.Context, at acting, known machine.History, action machine.Action) (machine.History, error) {
	label, step := "saga.after_compensate_commit", action.Step.Name
	if action.Kind == machine.RunForward {
		label = "saga.after_reply_commit"
	}
	at.work.OnCommit(func() { faults.Point(label, step) })
	switch action.Kind {
	case machine.RunForward:
		return p.forward(ctx, at, known, action)
	case machine.RunUndo:
		return p.undo(ctx, at, known, action)
	}
	return p.close(ctx, at, known, step)
}

// say tells the others, and the own monitor.
func (p *performer) say(ctx context.Context, at acting, known machine.History, notice machine.Notice) (machine.History, error) {
	if err := p.ports.sendNotice(ctx, at, notice, ""); err != nil {
		return known, err
	}
	if err := p.told(ctx, at, notice); err != nil {
		return known, err
	}
	return known.Note(notice), nil
}
