package saga

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"chassis/definition"
	"chassis/execute"
	"chassis/message"
	"chassis/saga/machine"
)

// undoRefused: a compensation must not be refused.
type undoRefused struct{ undo, event string }

func (e *undoRefused) Error() string { return fmt.Sprintf("%s was refused with %s", e.undo, e.event) }

// itemRefused: one item of a fan-out was refused; the effects of the others are rolled back, its event is kept.
type itemRefused struct {
	executed execute.Executed
	messages []message.Envelope
}

func (e *itemRefused) Error() string { return "refused with " + e.executed.EventName }

func (p *performer) forward(ctx context.Context, at acting, known machine.History, action machine.Action) (machine.History, error) {
	step := action.Step
	passed, err := take(ctx, at.work, at.id, step.Name, message.Forward, 1)
	if err != nil {
		return known, err
	}
	if !passed {
		logger(ctx, at, slog.LevelWarn, "a step came too late and is dropped", "step", step.Name)
		return known.Note(machine.Notice{Type: machine.Undone, Step: step.Name}), nil
	}
	known = known.WithInputs(step.Name, inputsOf(step, action.Inputs))
	if len(action.Inputs) == 0 {
		return p.say(ctx, at, known, machine.Notice{Type: machine.SkippedNotice, Step: step.Name})
	}
	events, err := p.allOrNone(ctx, at, step, action.Inputs)
	if err != nil {
		return known, err
	}
	for _, seen := range events {
		known = known.See(seen)
		if err := p.told(ctx, at, seen); err != nil {
			return known, err
		}
	}
	return known, nil
}

func inputsOf(step definition.SagaStep, inputs []map[string]any) any {
	if step.ForEach == nil {
		return inputs[0]
	}
	list := make([]any, len(inputs))
	for index, one := range inputs {
		list[index] = one
	}
	return list
}

// allOrNone carries out all parts of a step; when one of several is refused, nothing of the others stays.
func (p *performer) allOrNone(ctx context.Context, at acting, step definition.SagaStep, inputs []map[string]any) ([]machine.Seen, error) {
	total := len(inputs)
	events := make([]machine.Seen, total)
	err := at.work.Nested(ctx, func() error {
		for _, index := range inKeyOrder(step.Bindings, inputs) {
			before := len(at.work.Outgoing())
			executed, err := p.execute(ctx, at, step.Name, headersOf(at, step.Name, index+1, total, step.ForEach != nil), inputs[index])
			if err != nil {
				return err
			}
			if executed.Rejected && total > 1 {
				return &itemRefused{executed, at.work.Outgoing()[before:]}
			}
			role := machine.RoleSucceeded
			if executed.Rejected {
				role = machine.RoleRefused
			}
			events[index] = machine.Seen{Step: step.Name, Role: role, Payload: executed.EventWire, Index: index + 1, Total: total}
		}
		return nil
	})
	var refused *itemRefused
	if errors.As(err, &refused) {
		for _, envelope := range refused.messages {
			at.work.Append(envelope)
		}
		return []machine.Seen{{Step: step.Name, Role: machine.RoleRefused, Payload: refused.executed.EventWire}}, nil
	}
	return events, err
}

func (p *performer) undo(ctx context.Context, at acting, known machine.History, action machine.Action) (machine.History, error) {
	step, total := action.Step, len(action.Inputs)
	neverRan, err := take(ctx, at.work, at.id, step.Name, message.Forward, 1)
	if err != nil {
		return known, err
	}
	if neverRan {
		return p.cleared(ctx, at, known, step.Name)
	}
	passed, err := take(ctx, at.work, at.id, step.Name, message.Compensate, 1)
	if err != nil {
		return known, err
	}
	if !passed {
		logger(ctx, at, slog.LevelWarn, "a step is undone already", "step", step.Name)
		return known.Note(machine.Notice{Type: machine.Undone, Step: step.Name}), nil
	}
	needless := total == 0
	for _, index := range inKeyOrder(step.UndoBindings, action.Inputs) {
		saga := headersOf(at, step.Name, index+1, total, step.ForEach != nil)
		saga.Direction = message.Compensate
		executed, found, err := p.undoPart(ctx, at, step, saga, action.Inputs[index])
		if err != nil {
			return known, err
		}
		if !found {
			needless = true
			continue
		}
		seen := machine.Seen{Step: step.Name, Role: machine.RoleUndone, Payload: executed.EventWire, Index: index + 1, Total: total}
		known = known.See(seen)
		if err := p.told(ctx, at, seen); err != nil {
			return known, err
		}
	}
	if needless {
		return p.cleared(ctx, at, known, step.Name)
	}
	return known, nil
}

// undoPart is not found when there was nothing to undo.
func (p *performer) undoPart(ctx context.Context, at acting, step definition.SagaStep, saga *message.Saga, wire map[string]any) (executed execute.Executed, found bool, err error) {
	err = at.work.Nested(ctx, func() error {
		executed, err = p.execute(ctx, at, step.Undo, saga, wire)
		return err
	})
	if p.ports.isNeedless(step.Undo, err) {
		logger(ctx, at, slog.LevelInfo, "an undo is needless", "undo", step.Undo, "reason", err)
		return executed, false, nil
	}
	if err == nil && executed.Rejected {
		err = &undoRefused{step.Undo, executed.EventName}
	}
	return executed, true, err
}

// close: nothing was done, or nothing of it can be undone; from now on nothing will be done either.
func (p *performer) close(ctx context.Context, at acting, known machine.History, step string) (machine.History, error) {
	for _, direction := range []message.Direction{message.Compensate, message.Forward} {
		if _, err := take(ctx, at.work, at.id, step, direction, 1); err != nil {
			return known, err
		}
	}
	return p.cleared(ctx, at, known, step)
}

func (p *performer) cleared(ctx context.Context, at acting, known machine.History, step string) (machine.History, error) {
	return p.say(ctx, at, known, machine.Notice{Type: machine.Undone, Step: step})
}

func (p *performer) execute(ctx context.Context, at acting, name string, saga *message.Saga, wire map[string]any) (executed execute.Executed, err error) {
	err = at.work.Using(at.work.Context().WithSaga(saga), func() error {
		executed, err = p.ports.execute(ctx, name, wire, at.work)
		return err
	})
	return executed, err
}

// inKeyOrder: rows are locked in the order of their keys, the first inputs, so that two sagas over the same items cannot
// deadlock.
func inKeyOrder(bindings []definition.Binding, inputs []map[string]any) []int {
	keys, order := make([]string, len(inputs)), make([]int, len(inputs))
	for index, one := range inputs {
		order[index] = index
		if len(bindings) > 0 {
			text, _ := json.Marshal(one[bindings[0].Input]) // of values that came as JSON
			keys[index] = string(text)
		}
	}
	slices.SortStableFunc(order, func(one, other int) int { return strings.Compare(keys[one], keys[other]) })
	return order
}
