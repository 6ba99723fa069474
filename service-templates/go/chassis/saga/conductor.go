package saga

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chassis/database"
	"chassis/faults"
	"chassis/message"
	"chassis/saga/machine"
)

// conductor is the owner's side of orchestration: inputs to the machine, its effects into the outbox, all in one
// transaction.
type conductor struct {
	ports *ports
	wake  func() // tells the timers that something is due at once
}

// pendingCall is a synchronous request to make once its saga's row is committed.
type pendingCall struct {
	request   Request
	commandID uuid.UUID
	trace     string
}

// start begins; it gives the id of the live saga with the same business key if there is one.
func (c *conductor) start(ctx context.Context, at acting, inputs, event map[string]any, key string) (*uuid.UUID, error) {
	moment, err := now(ctx, at.work)
	if err != nil {
		return nil, err
	}
	decision := machine.Begin(at.flow, at.id, inputs, event, moment, at.work.NewID)
	live, err := create(ctx, at, decision.State, key)
	if err != nil || live != nil {
		return live, err
	}
	_, err = c.carryOut(ctx, at, decision)
	return nil, err
}

// reply: a participant answered.
func (c *conductor) reply(ctx context.Context, record *message.Record, work *database.Work) error {
	saga := message.SagaOf(record.Headers)
	if saga == nil {
		return &message.PermanentFailure{Text: "a reply must name its saga", Reason: message.Schema}
	}
	given, err := c.read(ctx, record)
	if err != nil {
		return err
	}
	if err := c.decide(ctx, work, saga.ID, given); err != nil {
		return err
	}
	label := "saga.after_reply_commit"
	if saga.Direction == message.Compensate {
		label = "saga.after_compensate_commit"
	}
	work.OnCommit(func() { faults.Point(label, saga.Step) })
	return nil
}

func (c *conductor) read(ctx context.Context, record *message.Record) (machine.Reply, error) {
	command, err := uuid.Parse(record.Headers[message.CausationID])
	if err != nil {
		return machine.Reply{}, &message.PermanentFailure{Text: "a reply must name its command", Reason: message.Schema}
	}
	reply := machine.Reply{
		CommandID: command, Outcome: machine.OutcomeFailed, Error: record.Headers[message.ErrorCode],
		Retryable: record.Headers[message.Retryable] == "true",
	}
	switch outcome := machine.Outcome(record.Headers[message.Outcome]); outcome {
	case machine.OutcomeSucceeded, machine.OutcomeExpired:
		reply.Outcome = outcome
	}
	if event := c.ports.definition.EventOfType(record.Type()); event != nil {
		wire, err := c.ports.codec.Decode(ctx, record)
		if err != nil {
			return reply, err
		}
		reply.Event, reply.Payload = event.Name.Text, wire
	}
	return reply, nil
}

// due: the saga's timer has passed, if nobody else is at it. It gives the calls to make after the commit.
func (c *conductor) due(ctx context.Context, work *database.Work, id uuid.UUID) ([]pendingCall, error) {
	found, err := load(ctx, work, id, lockedDue)
	if err != nil || found == nil {
		return nil, err
	}
	flow, err := c.ports.flowOf(found.saga, found.definition)
	if err != nil {
		return nil, err
	}
	faults.Point("saga.timer_claimed", flow.Step(found.state.CurrentStep).Name)
	return c.decideOn(ctx, acting{work, flow, id}, found, machine.TimerDue{})
}

// decide lets the machine decide on an input. A saga that is not there is nobody's.
func (c *conductor) decide(ctx context.Context, work *database.Work, id uuid.UUID, given machine.Input) error {
	found, err := load(ctx, work, id, locked)
	if err != nil {
		return err
	}
	if found == nil {
		slog.WarnContext(ctx, "no such saga, its input is dropped", "saga_id", id.String(), "input", fmt.Sprintf("%T", given))
		return nil
	}
	return c.operate(ctx, work, found, given)
}

// operate decides on a saga that is loaded already.
func (c *conductor) operate(ctx context.Context, work *database.Work, found *stored, given machine.Input) error {
	flow, err := c.ports.flowOf(found.saga, found.definition)
	if err != nil {
		return err
	}
	_, err = c.decideOn(ctx, acting{work, flow, found.state.SagaID}, found, given)
	return err
}

func (c *conductor) decideOn(ctx context.Context, at acting, found *stored, given machine.Input) (calls []pendingCall, err error) {
	err = inSaga(ctx, at, found.origin, func(ctx context.Context) error {
		moment, err := now(ctx, at.work)
		if err != nil {
			return err
		}
		decision, err := machine.Decide(at.flow, found.state, given, moment, at.work.NewID)
		if err != nil {
			return err
		}
		if !decision.State.Equal(found.state) {
			if err := save(ctx, at, found, decision.State); err != nil {
				return err
			}
		}
		calls, err = c.carryOut(ctx, at, decision)
		return err
	})
	return calls, err
}

func (c *conductor) carryOut(ctx context.Context, at acting, decision machine.Decision) ([]pendingCall, error) {
	var calls []pendingCall
	for _, effect := range decision.Effects {
		if call, isCall := effect.(machine.CallPeer); isCall {
			calls = append(calls, callOf(at, call))
		} else if err := c.effect(ctx, at, decision.State, effect); err != nil {
			return nil, err
		}
	}
	if due := decision.State.NextTimerAt; due != nil {
		moment, err := now(ctx, at.work)
		if err != nil {
			return nil, err
		}
		if !due.After(moment) {
			at.work.OnCommit(c.wake)
		}
	}
	return calls, nil
}

func (c *conductor) effect(ctx context.Context, at acting, state machine.State, effect machine.Effect) error {
	switch effect := effect.(type) {
	case machine.SendCommand:
		return atStep(ctx, at.flow, at.flow.Step(effect.Seq).Name, effect.Direction, func(ctx context.Context) error {
			return c.ports.sendCommand(ctx, at, effect)
		})
	case machine.Late:
		logger(ctx, at, slog.LevelInfo, "a reply came too late", "command", effect.CommandID.String())
		attributes := metric.WithAttributes(attribute.String("saga.type", at.flow.Name()))
		at.work.OnCommit(func() { lateReplies.Add(context.Background(), 1, attributes) })
	case machine.Became:
		return c.ports.became(ctx, at, state, effect)
	}
	return nil
}

// became tells the world what the saga became, where somebody has to know.
func (p *ports) became(ctx context.Context, at acting, state machine.State, effect machine.Became) error {
	level := slog.LevelInfo
	if effect.Status == machine.Stuck {
		level = slog.LevelWarn
	}
	logger(ctx, at, level, "saga is "+string(effect.Status), "reason", effect.Reason)
	if effect.Status == state.Status {
		recordDuration(at, state)
	}
	kind := map[machine.Status]string{machine.Stuck: machine.StuckNotice, machine.Aborted: machine.AbortedNotice}[effect.Status]
	for _, topic := range p.definition.Topics {
		if kind != "" && topic.Name == at.flow.Saga.FulfilmentTopic {
			return p.sendNotice(ctx, at, machine.Notice{Type: kind}, effect.Reason)
		}
	}
	return nil
}

func callOf(at acting, effect machine.CallPeer) pendingCall {
	step := at.flow.Step(effect.Seq)
	cause := at.work.Context()
	return pendingCall{
		request: Request{
			Peer: step.Service, Route: step.Route, Inputs: effect.Inputs,
			IdempotencyKey: barrierKey(at.id, step.Name, message.Forward, effect.Index),
			CorrelationID:  cause.CorrelationID,
			Saga:           headersOf(at, step.Name, effect.Index, effect.Total, step.ForEach != nil),
		},
		commandID: effect.CommandID, trace: cause.TraceParent,
	}
}
