// Package reactions is what a service does when it sees an event: its own observers, then its policies, all in the
// inbox's transaction.
package reactions

import (
	"context"
	"errors"

	"chassis/database"
	"chassis/definition"
	"chassis/dispatch"
	"chassis/execute"
	"chassis/message"
	"chassis/saga/machine"
	"chassis/service"
)

// Decoder gives the wire JSON of a record; the codec does.
type Decoder interface {
	Decode(ctx context.Context, record *message.Record) (map[string]any, error)
}

// Handlers of all events that the service observes or has policies for, by their type. sagas may be nil.
func Handlers(of *service.Service, codec Decoder, sagas execute.SagaStarter) *dispatch.Dispatch {
	handlers := dispatch.New()
	for _, event := range of.Definition.Observes {
		if facts := of.Definition.Event(event.Text); facts != nil {
			handlers.On(facts.Type, observing(of, event.Text, codec))
		}
	}
	for _, policy := range of.Definition.Policies {
		if facts := of.Definition.Event(policy.Event.Text); facts != nil {
			handlers.On(facts.Type, following(of, policy, codec, sagas))
		}
	}
	return handlers
}

func observing(of *service.Service, name string, codec Decoder) dispatch.Handler {
	return func(ctx context.Context, record *message.Record, work *database.Work) error {
		event, err := read(ctx, of, name, codec, record)
		if err != nil {
			return err
		}
		return of.Observers[name](ctx, event, work)
	}
}

func following(of *service.Service, policy definition.Policy, codec Decoder, sagas execute.SagaStarter) dispatch.Handler {
	return func(ctx context.Context, record *message.Record, work *database.Work) error {
		event, err := read(ctx, of, policy.Event.Text, codec, record)
		if err != nil {
			return err
		}
		if translate := of.Translators[policy.Event.Text]; translate != nil {
			if event, err = translate(event); err != nil {
				return err
			}
		}
		_, err = Apply(ctx, of, policy, event, work, sagas)
		return permanent(policy.Name.Text, err)
	}
}

// read gives an event in its canonical form; one that does not fit will never be handled.
func read(ctx context.Context, of *service.Service, name string, codec Decoder, record *message.Record) (map[string]any, error) {
	decoded, err := codec.Decode(ctx, record)
	if err != nil {
		return nil, err
	}
	shape, err := of.Shape(name)
	if err != nil {
		return nil, err
	}
	event, err := shape.Read(decoded)
	return event, permanent(name, err)
}

// permanent: trying again mends neither a payload that does not fit nor an input that the event does not have.
func permanent(where string, err error) error {
	var invalid *message.Invalid
	var unbound machine.Unbound
	if errors.As(err, &invalid) || errors.As(err, &unbound) {
		return &message.PermanentFailure{Text: where + ": " + err.Error(), Reason: message.Validation}
	}
	return err
}
