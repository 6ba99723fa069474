// Package reactions is what a service does when it sees an event: its own observers, then its policies, all in the
// inbox's transaction.
package reactions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"chassis/database"
	"chassis/definition"
	"chassis/dispatch"
	"chassis/domain"
	"chassis/execute"
	"chassis/message"
	"chassis/saga/machine"
	"chassis/service"
)

// Decoder gives the wire JSON of a record.
type Decoder interface {
	Decode(ctx context.Context, record *message.Record) (map[string]any, error)
}

// Handlers are those of all events that the service observes or has policies for, by their type.
func Handlers(of *service.Service, codec Decoder, sagas execute.SagaStarter) *dispatch.Dispatch {
	handlers := dispatch.New()
	for _, name := range of.Definition.Observes {
		if event := of.Definition.Event(name.Text); event != nil {
			handlers.On(event.Type, observing(of, event.Name.Text, codec))
		}
	}
	for _, policy := range of.Definition.Policies {
		if event := of.Definition.Event(policy.Event.Text); event != nil {
			handlers.On(event.Type, following(of, policy, codec, sagas))
		}
	}
	return handlers
}

func observing(of *service.Service, name string, codec Decoder) dispatch.Handler {
	observe := of.Observers[name]
	return func(ctx context.Context, record *message.Record, work *database.Work) error {
		event, err := decoded(ctx, of, name, codec, record)
		if err != nil {
			return err
		}
		return observe(ctx, event, work)
	}
}

func following(of *service.Service, policy definition.Policy, codec Decoder, sagas execute.SagaStarter) dispatch.Handler {
	name := policy.Event.Text
	return func(ctx context.Context, record *message.Record, work *database.Work) error {
		event, err := decoded(ctx, of, name, codec, record)
		if err == nil {
			event, err = OwnTerms(of, name, event)
		}
		if err == nil {
			// What a policy does is no step of the saga its event belongs to.
			err = work.Using(work.Context().WithSaga(nil), func() error { return apply(ctx, of, policy, event, work, sagas) })
		}
		var invalid *message.Invalid
		var unbound machine.Unbound
		if errors.As(err, &invalid) || errors.As(err, &unbound) {
			return &message.PermanentFailure{Text: policy.Name.Text + ": " + err.Error(), Reason: message.Validation}
		}
		return err
	}
}

func decoded(ctx context.Context, of *service.Service, name string, codec Decoder, record *message.Record) (map[string]any, error) {
	data, err := codec.Decode(ctx, record)
	if err != nil {
		return nil, err
	}
	shape, err := of.Shape(name)
	if err != nil {
		return nil, err
	}
	return shape.Read(data)
}

// OwnTerms is an event (wire JSON) as the service's translator words it; as it is where there is none.
func OwnTerms(of *service.Service, name string, event map[string]any) (map[string]any, error) {
	translate := of.Translators[name]
	if translate == nil {
		return event, nil
	}
	return translate(event)
}

// apply carries out the policy's commands.
//
// A target that was found and whose state does not allow the command is passed over: the policy speaks of those that it
// can apply to. A target that the event names must take the command; until it can, the event is retried.
func apply(
	ctx context.Context, of *service.Service, policy definition.Policy, event map[string]any, work *database.Work,
	sagas execute.SagaStarter,
) error {
	command := of.Definition.Command(policy.Command.Text)
	inputs, err := payloads(policy, event)
	if err != nil {
		return err
	}
	key := keyOf(of.Definition, command)
	if command.Target == "existing" && policy.FoundBy == "" {
		// Rows are locked in the order of their keys, so that two events with the same items cannot deadlock.
		slices.SortStableFunc(inputs, func(a, b map[string]any) int { return cmp.Compare(fmt.Sprint(a[key]), fmt.Sprint(b[key])) })
	}
	for _, payload := range inputs {
		if policy.FoundBy == "" {
			if _, err := execute.Command(ctx, of, command.Name.Text, payload, work, sagas); err != nil {
				return err
			}
			continue
		}
		if err := applyToFound(ctx, of, policy, command, key, payload, event, work, sagas); err != nil {
			return err
		}
	}
	return nil
}

func applyToFound(
	ctx context.Context, of *service.Service, policy definition.Policy, command *definition.Command, key string,
	payload, event map[string]any, work *database.Work, sagas execute.SagaStarter,
) error {
	targets, err := found(ctx, of, policy, command, event, work)
	if err != nil {
		return err
	}
	for _, target := range targets {
		payload[key] = target
		err := work.Nested(ctx, func() error {
			_, err := execute.Command(ctx, of, command.Name.Text, payload, work, sagas)
			return err
		})
		var refused *domain.IllegalState
		if errors.As(err, &refused) {
			slog.InfoContext(ctx, "policy passes over", "policy", policy.Name.Text, "key", target, "reason", refused)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// payloads are the inputs of the policy's commands for one event, without the key of targets that have yet to be found.
func payloads(policy definition.Policy, event map[string]any) ([]map[string]any, error) {
	data := map[string]any{policy.Event.Text: event}
	if policy.ForEach == nil {
		inputs, err := machine.Evaluate(policy.Bindings, data, machine.Alone())
		return []map[string]any{inputs}, err
	}
	items, err := machine.Items(*policy.ForEach, data)
	if err != nil {
		return nil, err
	}
	all := make([]map[string]any, len(items))
	for i, item := range items {
		if all[i], err = machine.Evaluate(policy.Bindings, data, machine.Within(item, i, len(items))); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// found gives the keys of the targets, in their order, as wire JSON has them.
func found(
	ctx context.Context, of *service.Service, policy definition.Policy, command *definition.Command, event map[string]any,
	work *database.Work,
) ([]any, error) {
	if policy.FoundValue == nil {
		return nil, nil
	}
	const wanted = "value"
	data := map[string]any{policy.Event.Text: event}
	inputs, err := machine.Evaluate([]definition.Binding{{Input: wanted, Source: *policy.FoundValue}}, data, machine.Alone())
	if err != nil || inputs[wanted] == nil {
		return nil, err
	}
	keys, err := of.Finders[command.Aggregate.Text](ctx, work, policy.FoundBy, inputs[wanted])
	for i, key := range keys {
		if _, isNumber := key.(int64); !isNumber {
			keys[i] = fmt.Sprint(key)
		}
	}
	slices.SortStableFunc(keys, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return keys, err
}

func keyOf(facts *definition.Definition, command *definition.Command) string {
	for _, aggregate := range facts.Aggregates {
		if aggregate.Name.Text == command.Aggregate.Text {
			return aggregate.Key.Name.Text
		}
	}
	return ""
}
