package saga

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"chassis/database"
	"chassis/definition"
	"chassis/dispatch"
	"chassis/execute"
	"chassis/faults"
	"chassis/message"
	"chassis/saga/machine"
)

// Engine are the sagas of one service, whatever its part in them. Any goroutine may use it.
//
// Check comes first, after the migrations and before Handlers are asked for: older versions may need more of them. A
// command that starts a saga goes on in Start (the engine is an execute.SagaStarter); one that comes as a synchronous
// request and belongs to a saga goes through Perform, for only then can it be undone.
type Engine struct {
	ports       *ports
	call        Call
	conductor   *conductor
	monitor     *monitor
	performer   *performer
	participant *participant
	wakers      []func()
}

// NewEngine composes one. call may be nil for who conducts no saga with calls.
func NewEngine(facts *definition.Definition, codec Decoder, outbox Envelopes, execute Execute, call Call) *Engine {
	shared := &ports{facts, codec, outbox, execute, machine.NewFlows(facts.Sagas)}
	engine := &Engine{ports: shared, call: call, participant: &participant{shared}}
	engine.conductor = &conductor{shared, engine.wake}
	engine.performer = &performer{ports: shared, wake: engine.wake}
	engine.monitor = &monitor{shared, engine.performer}
	engine.performer.told = engine.monitor.observe
	return engine
}

// Start: the first command has just succeeded; begin its saga in the same transaction. It gives the saga's id, that of the
// live one where there is one for the same aggregate already.
func (e *Engine) Start(ctx context.Context, work *database.Work, saga definition.Saga, id uuid.UUID, payload map[string]any, executed execute.Executed) (uuid.UUID, error) {
	flow := e.ports.flows.Of(saga.Name.Text, saga.Version)
	event := e.ports.definition.Event(executed.EventName)
	if flow == nil || event == nil {
		return id, fmt.Errorf("saga %s does not begin with %s", saga.Name.Text, executed.EventName)
	}
	key := fmt.Sprint(executed.EventWire[event.Subject])
	at, started := acting{work, flow, id}, id
	err := inSaga(ctx, at, origin{}, func(ctx context.Context) error {
		begin := e.conductor.start
		if saga.Mode == machine.Choreography {
			begin = e.monitor.start
		}
		live, err := begin(ctx, at, payload, executed.EventWire, key)
		if err != nil {
			return err
		}
		if live != nil {
			started = *live
			return nil
		}
		if saga.Mode == machine.Choreography {
			return e.performer.start(ctx, at, payload, executed.EventWire)
		}
		return e.rememberFirst(ctx, at, payload, executed)
	})
	if err == nil && started == id {
		work.OnCommit(func() { faults.Point("saga.after_start", flow.Step(1).Name) })
	}
	return started, err
}

// rememberFirst: the first step has no command on the bus, but its compensation will be one.
func (e *Engine) rememberFirst(ctx context.Context, at acting, payload map[string]any, executed execute.Executed) error {
	first := at.flow.Step(1).Name
	if err := e.performer.closeFirst(ctx, at, first); err != nil {
		return err
	}
	return keepParticipation(ctx, at.work, at.id, remembered(first, payload, executed), false)
}

// Perform carries out a step that came as a synchronous request; the work's context names the saga. The error is a
// domain.Conflict when the step is closed already, or whatever the command says.
func (e *Engine) Perform(ctx context.Context, name string, payload map[string]any, work *database.Work) (execute.Executed, error) {
	return e.participant.perform(ctx, name, payload, work)
}

// Handlers of events, replies and notices by ce_type; they run in the inbox's transaction.
func (e *Engine) Handlers() map[string][]dispatch.Handler {
	found := map[string][]dispatch.Handler{}
	for _, flow := range e.ports.flows.All() {
		if flow.Saga.Mode == machine.Orchestration {
			if e.ports.owns(flow) {
				found[message.ReplyType] = []dispatch.Handler{e.conductor.reply}
			}
			continue
		}
		for _, kind := range machine.Notices {
			found[kind] = []dispatch.Handler{e.notice}
		}
		for _, step := range flow.Saga.Steps {
			for _, name := range []string{step.SucceedsWith, step.RefusesWith, step.UndoneWith} {
				if event := e.ports.definition.Event(name); event != nil {
					found[event.Type] = []dispatch.Handler{e.observe}
				}
			}
		}
	}
	return found
}

// CommandHandlers of the commands that conductors send to this service, by ce_type.
func (e *Engine) CommandHandlers() map[string][]dispatch.Handler {
	found := map[string][]dispatch.Handler{}
	for _, flow := range e.ports.flows.All() {
		if flow.Saga.Mode != machine.Orchestration {
			continue
		}
		for _, step := range flow.Saga.Steps {
			for _, kind := range []string{step.CommandType, step.UndoType} {
				if step.Service == e.ports.me() && kind != "" {
					found[kind] = []dispatch.Handler{e.participant.command}
				}
			}
		}
	}
	return found
}

// observe is an event of a choreographed saga; events that belong to none, or to one not known here, are nobody's.
func (e *Engine) observe(ctx context.Context, record *message.Record, work *database.Work) error {
	saga, flow, err := e.choreographed(record)
	if err != nil || flow == nil {
		return err
	}
	role := e.role(flow, saga, record)
	if role == "" {
		return nil // an event beside the step's outcome
	}
	payload, err := e.ports.codec.Decode(ctx, record)
	if err != nil {
		return err
	}
	index, total := machine.ReadPart(saga.Part)
	return e.happened(ctx, acting{work, flow, saga.ID}, machine.Seen{
		Step: saga.Step, Role: role, Payload: payload, Index: index, Total: total,
	})
}

// choreographed is the flow that a record's step belongs to; nil for a record of none.
func (e *Engine) choreographed(record *message.Record) (*message.Saga, *machine.Flow, error) {
	saga := message.SagaOf(record.Headers)
	if saga == nil {
		return nil, nil, nil
	}
	known := e.ports.flows.Of(saga.Type, saga.Version)
	if known == nil || known.Saga.Mode != machine.Choreography {
		return nil, nil, nil
	}
	if slices.Contains(machine.Notices, record.Type()) {
		return saga, known, nil // about the saga, not about a step of this version
	}
	flow, err := e.ports.flow(saga)
	return saga, flow, err
}

func (e *Engine) role(flow *machine.Flow, saga *message.Saga, record *message.Record) machine.Role {
	step := flow.Step(flow.Seq(saga.Step))
	name := e.ports.definition.EventOfType(record.Type()).Name.Text
	switch {
	case saga.Direction == message.Compensate && name == step.UndoneWith:
		return machine.RoleUndone
	case saga.Direction == message.Compensate:
		return ""
	case name == step.SucceedsWith:
		return machine.RoleSucceeded
	case name == step.RefusesWith:
		return machine.RoleRefused
	}
	return ""
}

func (e *Engine) notice(ctx context.Context, record *message.Record, work *database.Work) error {
	saga, flow, err := e.choreographed(record)
	if err != nil || flow == nil {
		return err
	}
	wire, err := e.ports.codec.Decode(ctx, record)
	if err != nil {
		return err
	}
	return e.happened(ctx, acting{work, flow, saga.ID}, noticeOf(record.Type(), wire))
}

func (e *Engine) happened(ctx context.Context, at acting, given machine.Input) error {
	return inSaga(ctx, at, origin{}, func(ctx context.Context) error {
		if err := e.performer.takeIn(ctx, at, given); err != nil {
			return err
		}
		return e.monitor.observe(ctx, at, given)
	})
}

func (e *Engine) wake() {
	for _, wake := range e.wakers {
		wake()
	}
}
