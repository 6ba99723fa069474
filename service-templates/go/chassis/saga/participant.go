package saga

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"

	"github.com/google/uuid"

	"chassis/database"
	"chassis/definition"
	"chassis/domain"
	"chassis/execute"
	"chassis/message"
	"chassis/saga/machine"
)

// participant is the participant's side of orchestration: a command comes, is carried out once, and is answered.
//
// Barrier, effect, events and reply are one transaction. A command that comes again gets the same answer again; one that
// comes after its own compensation is not carried out any more.
type participant struct{ ports *ports }

// refusedBehindPivot: a step that may only succeed was refused; nothing of it stays, and it is tried again.
type refusedBehindPivot struct{ event string }

func (e *refusedBehindPivot) Error() string { return "refused with " + e.event }

// command handles one command and answers it.
func (p *participant) command(ctx context.Context, record *message.Record, work *database.Work) error {
	saga := message.SagaOf(record.Headers)
	if saga == nil || saga.ReplyTo == "" {
		return &message.PermanentFailure{Text: "a command must name its saga and where to reply", Reason: message.Schema}
	}
	command, err := uuid.Parse(record.ID())
	if err != nil {
		return &message.PermanentFailure{Text: "a command must have a uuid", Reason: message.Schema}
	}
	flow, err := p.ports.flow(saga)
	if err != nil {
		return err
	}
	return inSaga(ctx, acting{work, flow, saga.ID}, origin{}, func(ctx context.Context) error {
		return atStep(ctx, flow, saga.Step, saga.Direction, func(ctx context.Context) error {
			answer, err := p.answer(ctx, flow, saga, record, work)
			if err != nil {
				return err
			}
			answer.CommandID = command
			return p.ports.sendReply(ctx, work, saga, answer)
		})
	})
}

// perform is a step that came as a synchronous request: behind the barrier like any other, so that it can be undone. The
// error is a domain.Conflict when the step is closed already, or whatever the command says.
func (p *participant) perform(ctx context.Context, name string, payload map[string]any, work *database.Work) (execute.Executed, error) {
	saga := work.Context().Saga // whoever calls has read it from the request
	flow := p.ports.flows.At(saga.Type, saga.Step, saga.Version)
	if flow == nil {
		return execute.Executed{}, &domain.NotFound{What: "saga", Key: saga.Type + " with step " + saga.Step}
	}
	row, err := lockParticipation(ctx, work, saga.ID, saga.Type, saga.Version)
	if err != nil {
		return execute.Executed{}, err
	}
	var executed execute.Executed
	err = inSaga(ctx, acting{work, flow, saga.ID}, origin{}, func(ctx context.Context) error {
		return atStep(ctx, flow, saga.Step, saga.Direction, func(ctx context.Context) error {
			part, _ := machine.ReadPart(saga.Part)
			passed, err := take(ctx, work, saga.ID, saga.Step, saga.Direction, part)
			if err != nil {
				return err
			}
			if !passed {
				return &domain.Conflict{Text: fmt.Sprintf("%s of saga %s is closed", saga.Step, saga.ID)}
			}
			executed, err = p.ports.execute(ctx, name, payload, work)
			if err == nil && executed.Rejected && machine.MustSucceed(flow.Step(flow.Seq(saga.Step)).Kind, saga.Direction) {
				return &domain.Conflict{Text: name + " is refused now, and must succeed in the end"}
			}
			return err
		})
	})
	if err != nil {
		return execute.Executed{}, err
	}
	return executed, keepParticipation(ctx, work, saga.ID, withAnswer(row.data, saga, outcomeOf(executed), payload), false)
}

func (p *participant) answer(ctx context.Context, flow *machine.Flow, saga *message.Saga, record *message.Record, work *database.Work) (machine.Reply, error) {
	row, err := lockParticipation(ctx, work, saga.ID, saga.Type, saga.Version)
	if err != nil {
		return machine.Reply{}, err
	}
	known, _ := answerIn(row.data, saga, saga.Direction)
	expired, err := isExpired(ctx, record, work)
	if err != nil {
		return machine.Reply{}, err
	}
	gate := machine.Gate{Direction: saga.Direction, Kept: known.Outcome, Expired: expired}
	switch gate.Admit() {
	case machine.Repeat:
		return known, nil
	case machine.Expire:
		return machine.Reply{Outcome: machine.OutcomeExpired, Error: "expired", Retryable: true}, nil
	}
	wire, err := p.ports.codec.Decode(ctx, record)
	if err != nil {
		return machine.Reply{}, err
	}
	var answer machine.Reply
	err = work.Nested(ctx, func() error { // a failure gives the barrier back: whoever sends the command again may succeed
		answer, err = p.behindBarrier(ctx, flow, gate, saga, row.data, wire, work)
		return err
	})
	if code, retryable := errorCode(err); code != "" {
		slog.InfoContext(ctx, "a step failed", "saga_id", saga.ID.String(), "step", saga.Step,
			"direction", string(saga.Direction), "reason", err)
		return machine.Reply{Outcome: machine.OutcomeFailed, Error: code, Retryable: retryable}, nil
	}
	if err != nil {
		return machine.Reply{}, err
	}
	return answer, keepParticipation(ctx, work, saga.ID, withAnswer(row.data, saga, answer, wire), false)
}

func (p *participant) behindBarrier(ctx context.Context, flow *machine.Flow, gate machine.Gate, saga *message.Saga, kept, wire map[string]any, work *database.Work) (machine.Reply, error) {
	step := flow.Step(flow.Seq(saga.Step))
	gate, err := pass(ctx, gate, saga, kept, work)
	if err != nil {
		return machine.Reply{}, err
	}
	switch gate.Admit() {
	case machine.Refuse:
		return machine.Reply{Outcome: machine.OutcomeFailed, Error: "closed"}, nil
	case machine.Nothing:
		return machine.Reply{Outcome: machine.OutcomeSucceeded}, nil
	}
	if saga.Direction == message.Compensate {
		return p.compensate(ctx, step, saga, kept, wire, work)
	}
	executed, err := p.execute(ctx, step.Name, saga, wire, work)
	if err != nil {
		return machine.Reply{}, err
	}
	if executed.Rejected && machine.MustSucceed(step.Kind, saga.Direction) {
		return machine.Reply{}, &refusedBehindPivot{executed.EventName}
	}
	return outcomeOf(executed), nil
}

// pass takes the barrier's keys, and notes what that tells.
func pass(ctx context.Context, gate machine.Gate, saga *message.Saga, kept map[string]any, work *database.Work) (machine.Gate, error) {
	part, _ := machine.ReadPart(saga.Part)
	passed, err := take(ctx, work, saga.ID, saga.Step, saga.Direction, part)
	gate.Closed = !passed
	if err != nil || gate.Closed || saga.Direction == message.Forward {
		return gate, err
	}
	gate.NeverRan, err = take(ctx, work, saga.ID, saga.Step, message.Forward, part)
	done, _ := answerIn(kept, saga, message.Forward)
	gate.Forward = done.Outcome
	return gate, err
}

func (p *participant) compensate(ctx context.Context, step definition.SagaStep, saga *message.Saga, kept, wire map[string]any, work *database.Work) (machine.Reply, error) {
	inputs := ownInputs(step, saga, kept)
	maps.Copy(inputs, wire)
	var executed execute.Executed
	err := work.Nested(ctx, func() (err error) {
		executed, err = p.execute(ctx, step.Undo, saga, inputs, work)
		return err
	})
	if p.ports.isNeedless(step.Undo, err) {
		slog.InfoContext(ctx, "an undo is needless", "saga_id", saga.ID.String(), "undo", step.Undo, "reason", err)
		return machine.Reply{Outcome: machine.OutcomeSucceeded}, nil
	}
	return outcomeOf(executed), err
}

func (p *participant) execute(ctx context.Context, name string, saga *message.Saga, wire map[string]any, work *database.Work) (executed execute.Executed, err error) {
	within := *saga
	within.ReplyTo = ""
	err = work.Using(work.Context().WithSaga(&within), func() error {
		executed, err = p.ports.execute(ctx, name, wire, work)
		return err
	})
	return executed, err
}

// isNeedless tells whether an undo found nothing to undo: no such aggregate, or one that is already where the undo leads.
func (p *ports) isNeedless(undo string, err error) bool {
	var missing *domain.NotFound
	if errors.As(err, &missing) {
		return true
	}
	var illegal *domain.IllegalState
	known := p.definition.Command(undo)
	return errors.As(err, &illegal) && known != nil && known.To != "" && illegal.State == known.To
}

// errorCode is the ce_errorcode of an error that leaves no event, and whether to try again; empty for an error that is no
// answer.
func errorCode(err error) (code string, retryable bool) {
	var (
		illegal  *domain.IllegalState
		violated *domain.InvariantViolated
		missing  *domain.NotFound
		conflict *domain.Conflict
		invalid  *message.Invalid
		refused  *refusedBehindPivot
		unbound  machine.Unbound
	)
	switch {
	case errors.As(err, &illegal):
		return "illegal-state", false
	case errors.As(err, &violated):
		return "invariant-violated", false
	case errors.As(err, &missing):
		return "not-found", false
	case errors.As(err, &conflict):
		return "conflict", true
	case errors.As(err, &invalid):
		return "invalid", false
	case errors.As(err, &refused):
		return "refused", true
	case errors.As(err, &unbound):
		return "unbound", false
	}
	return "", false
}

func isExpired(ctx context.Context, record *message.Record, work *database.Work) (bool, error) {
	limit, known := momentOf(record.Headers[message.ExpiryTime])
	if !known {
		return false, nil
	}
	moment, err := now(ctx, work)
	return moment.After(limit), err
}
