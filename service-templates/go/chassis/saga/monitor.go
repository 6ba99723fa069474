package saga

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chassis/database"
	"chassis/faults"
	"chassis/saga/machine"
)

// monitor is the owner's side of choreography: it follows its sagas in the tables that orchestration uses, and says what
// is overdue. In the owner, the participation's row is always locked before the saga's.
type monitor struct {
	ports     *ports
	performer *performer // who is to hear in this service what the monitor announces
}

// start begins to watch; it gives the id of the live saga with the same business key if there is one.
func (m *monitor) start(ctx context.Context, at acting, inputs, event map[string]any, key string) (*uuid.UUID, error) {
	moment, err := now(ctx, at.work)
	if err != nil {
		return nil, err
	}
	decision := machine.Watch(at.flow, at.id, inputs, event, moment)
	live, err := create(ctx, at, decision.State, key)
	if err != nil || live != nil {
		return live, err
	}
	return nil, m.carryOut(ctx, at, decision)
}

// observe: something happened in the saga.
func (m *monitor) observe(ctx context.Context, at acting, given machine.Input) error {
	if !m.ports.owns(at.flow) {
		return nil
	}
	found, err := load(ctx, at.work, at.id, locked)
	if err != nil || found == nil {
		return err
	}
	return m.decide(ctx, at, found, given)
}

// due: the saga's timer has passed, if nobody else is at it.
func (m *monitor) due(ctx context.Context, work *database.Work, id uuid.UUID, saga string) error {
	if _, err := lockParticipation(ctx, work, id, saga, 0); err != nil {
		return err
	}
	found, err := load(ctx, work, id, lockedDue)
	if err != nil || found == nil {
		return err
	}
	flow, err := m.ports.flowOf(saga, found.definition)
	if err != nil {
		return err
	}
	faults.Point("saga.timer_claimed", flow.Step(found.state.CurrentStep).Name)
	return m.decide(ctx, acting{work, flow, id}, found, machine.TimerDue{})
}

// operate is a manual intervention in a saga that is loaded already, its participation locked before.
func (m *monitor) operate(ctx context.Context, work *database.Work, found *stored, given machine.Operation) error {
	flow, err := m.ports.flowOf(found.saga, found.definition)
	if err != nil {
		return err
	}
	return m.decide(ctx, acting{work, flow, found.state.SagaID}, found, given)
}

func (m *monitor) decide(ctx context.Context, at acting, found *stored, given machine.Input) error {
	return inSaga(ctx, at, found.origin, func(ctx context.Context) error {
		moment, err := now(ctx, at.work)
		if err != nil {
			return err
		}
		decision, err := machine.Observe(at.flow, found.state, given, moment)
		if err != nil {
			return err
		}
		if !decision.State.Equal(found.state) {
			if err := save(ctx, at, found, decision.State); err != nil {
				return err
			}
		}
		return m.carryOut(ctx, at, decision)
	})
}

func (m *monitor) carryOut(ctx context.Context, at acting, decision machine.Decision) error {
	for _, effect := range decision.Effects {
		var err error
		switch effect := effect.(type) {
		case machine.Announce:
			err = m.announce(ctx, at, decision.State, effect)
		case machine.Became:
			err = m.ports.became(ctx, at, decision.State, effect)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *monitor) announce(ctx context.Context, at acting, state machine.State, effect machine.Announce) error {
	notice := machine.Notice{Type: effect.Type, Step: effect.Step, Force: effect.Force}
	if effect.Type == machine.RetryNotice {
		notice.History = state.Data
	}
	if err := m.ports.sendNotice(ctx, at, notice, effect.Reason); err != nil {
		return err
	}
	if effect.Type == machine.Overdue {
		attributes := metric.WithAttributes(
			attribute.String("saga.type", at.flow.Name()), attribute.String("saga.step", effect.Step))
		at.work.OnCommit(func() { overdue.Add(context.Background(), 1, attributes) })
	}
	return m.performer.note(ctx, at, notice)
}
