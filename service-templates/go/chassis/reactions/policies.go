package reactions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"chassis/database"
	"chassis/definition"
	"chassis/domain"
	"chassis/execute"
	"chassis/saga/machine"
	"chassis/service"
)

// Apply carries out a policy's commands for one event (wire JSON) within the work: whenever the event is seen, do the
// command.
//
// A target that was found and whose state does not allow the command is passed over: the policy speaks of those that it can
// apply to. A target that the event names must take the command; until it can, the event is tried again. What a policy does
// is no step of the saga that its event belongs to.
func Apply(ctx context.Context, of *service.Service, policy definition.Policy, event map[string]any, work *database.Work, sagas execute.SagaStarter) (done []execute.Executed, err error) {
	err = work.Using(work.Context().WithSaga(nil), func() error {
		payloads, err := payloadsOf(policy, event)
		if err != nil {
			return err
		}
		if policy.FoundBy != "" {
			done, err = applyToFound(ctx, of, policy, event, payloads, work, sagas)
			return err
		}
		for _, payload := range inKeyOrder(of, policy, payloads) {
			executed, err := execute.Command(ctx, of, policy.Command.Text, payload, work, sagas)
			if err != nil {
				return err
			}
			done = append(done, executed)
		}
		return nil
	})
	return done, err
}

func applyToFound(ctx context.Context, of *service.Service, policy definition.Policy, event map[string]any, payloads []map[string]any, work *database.Work, sagas execute.SagaStarter) (done []execute.Executed, err error) {
	field := keyField(of, policy)
	keys, err := found(ctx, of, policy, event, work)
	if err != nil {
		return nil, err
	}
	for _, payload := range payloads {
		for _, key := range keys {
			target := map[string]any{field: key}
			for name, value := range payload {
				target[name] = value
			}
			var executed execute.Executed
			err := work.Nested(ctx, func() (err error) {
				executed, err = execute.Command(ctx, of, policy.Command.Text, target, work, sagas)
				return err
			})
			var illegal *domain.IllegalState
			switch {
			case errors.As(err, &illegal):
				slog.InfoContext(ctx, "a policy passes over a target", "policy", policy.Name.Text, "key", fmt.Sprint(key), "reason", err)
			case err != nil:
				return nil, err
			default:
				done = append(done, executed)
			}
		}
	}
	return done, nil
}

// payloadsOf are the inputs of the policy's commands for one event, without the key of targets that have yet to be found.
func payloadsOf(policy definition.Policy, event map[string]any) ([]map[string]any, error) {
	data := map[string]any{policy.Event.Text: event}
	if policy.ForEach == nil {
		one, err := machine.Evaluate(policy.Bindings, data, machine.Alone())
		return []map[string]any{one}, err
	}
	items, err := machine.Items(*policy.ForEach, data)
	if err != nil {
		return nil, err
	}
	var all []map[string]any
	for index, item := range items {
		one, err := machine.Evaluate(policy.Bindings, data, machine.Within(item, index, len(items)))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// keyField is the wire name of the key of the command's aggregate.
func keyField(of *service.Service, policy definition.Policy) string {
	if command := of.Definition.Command(policy.Command.Text); command != nil {
		for _, aggregate := range of.Definition.Aggregates {
			if aggregate.Name.Text == command.Aggregate.Text {
				return aggregate.Key.Name.Text
			}
		}
	}
	return ""
}

// inKeyOrder: rows are locked in the order of their keys, so that two events with the same items cannot deadlock.
func inKeyOrder(of *service.Service, policy definition.Policy, payloads []map[string]any) []map[string]any {
	command := of.Definition.Command(policy.Command.Text)
	if command == nil || command.Target != "existing" {
		return payloads
	}
	field := keyField(of, policy)
	key := func(payload map[string]any) string {
		if value, has := payload[field]; has {
			return fmt.Sprint(value)
		}
		return ""
	}
	slices.SortStableFunc(payloads, func(one, other map[string]any) int { return strings.Compare(key(one), key(other)) })
	return payloads
}

// found are the keys of the policy's targets on the wire, in order.
func found(ctx context.Context, of *service.Service, policy definition.Policy, event map[string]any, work *database.Work) ([]any, error) {
	if policy.FoundValue == nil {
		return nil, nil
	}
	read, err := machine.Evaluate([]definition.Binding{{Input: policy.FoundBy, Source: *policy.FoundValue}},
		map[string]any{policy.Event.Text: event}, machine.Alone())
	if err != nil || read[policy.FoundBy] == nil {
		return nil, err
	}
	command := of.Definition.Command(policy.Command.Text)
	keys, err := of.Finders[command.Aggregate.Text](ctx, work, policy.FoundBy, read[policy.FoundBy])
	if err != nil {
		return nil, err
	}
	wire := make([]any, len(keys))
	for index, key := range keys {
		switch plain := key.(type) {
		case string, int64:
			wire[index] = plain
		default:
			wire[index] = fmt.Sprint(key)
		}
	}
	slices.SortFunc(wire, func(one, other any) int { return strings.Compare(fmt.Sprint(one), fmt.Sprint(other)) })
	return wire, nil
}
