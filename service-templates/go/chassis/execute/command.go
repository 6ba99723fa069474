package execute

import (
	"context"
	"errors"
	"fmt"

	"chassis/database"
	"chassis/definition"
	"chassis/domain"
	"chassis/message"
	"chassis/service"
	"chassis/values"
)

// Command parses `payload` (wire JSON), calls the handler, and publishes its events through `work`; the caller owns the
// transaction.
//
// A command that starts a saga does so unless it is rejected or is itself a step of a running saga. Errors are a
// *message.Invalid for a payload that does not fit, those of package domain, and whatever the handler returned.
func Command(
	ctx context.Context, of *service.Service, name string, payload map[string]any, work *database.Work, sagas SagaStarter,
) (Executed, error) {
	facts := of.Definition.Command(name)
	handler := of.Commands[name]
	if facts == nil || handler == nil {
		return Executed{}, fmt.Errorf("%s has no command %s", of.Definition.Name.Text, name)
	}
	shape, err := of.Shape(name)
	if err != nil {
		return Executed{}, err
	}
	data, err := shape.Read(payload)
	if err != nil {
		return Executed{}, err
	}
	events, err := call(ctx, handler, data, work)
	if err != nil {
		return Executed{}, err
	}
	executed, err := outcome(of, facts, events)
	if err != nil {
		return Executed{}, err
	}
	saga := started(of.Definition, facts, executed, work)
	if saga == nil || sagas == nil {
		return executed, publish(ctx, work, events)
	}
	return start(ctx, *saga, name, payload, events, executed, work, sagas)
}

func start(
	ctx context.Context, saga definition.Saga, name string, payload map[string]any, events []message.Message,
	executed Executed, work *database.Work, sagas SagaStarter,
) (Executed, error) {
	fresh := work.NewID()
	id, err := sagas.Start(ctx, work, saga, fresh, payload, executed)
	if err != nil {
		return Executed{}, err
	}
	version := 0 // one that lives already may be of another
	if id == fresh {
		version = saga.Version
	}
	headers := &message.Saga{ID: id, Type: saga.Name.Text, Step: name, Direction: message.Forward, Version: version}
	executed.SagaID = &id
	return executed, work.Using(work.Context().WithSaga(headers), func() error { return publish(ctx, work, events) })
}

// call makes a broken rule of arithmetic that cannot be: what a caller sent may lead there, so it is no fault of ours.
func call(
	ctx context.Context, handler service.Command, data map[string]any, work *database.Work,
) (events []message.Message, err error) {
	defer func() {
		switch said := recover().(type) {
		case nil:
		case *values.MixedCurrencies:
			err = &domain.InvariantViolated{Text: said.Error()}
		case *values.OutOfRange:
			err = &domain.InvariantViolated{Text: said.Error()}
		default:
			panic(said)
		}
	}()
	events, err = handler(ctx, data, work)
	if err == nil && (len(events) == 0 || events[0] == nil) {
		err = errors.New("a command handler must return the event of its command")
	}
	return events, err
}

func outcome(of *service.Service, facts *definition.Command, events []message.Message) (Executed, error) {
	name := events[0].MessageName()
	isRejection := facts.Rejection != nil && name == facts.Rejection.Text
	if !isRejection && name != facts.Emits.Text {
		return Executed{}, fmt.Errorf("%s emits %s, not %s", facts.Name.Text, facts.Emits.Text, name)
	}
	shape, err := of.Shape(name)
	if err != nil {
		return Executed{}, err
	}
	data, err := shape.Write(events[0])
	if err != nil {
		return Executed{}, fmt.Errorf("%s does not fit its facts: %v", name, err) // no fault of the caller's
	}
	return Executed{EventName: name, EventWire: data, Rejected: isRejection}, nil
}

func started(facts *definition.Definition, command *definition.Command, executed Executed, work *database.Work) *definition.Saga {
	if command.Starts == "" || executed.Rejected || work.Context().Saga != nil {
		return nil
	}
	return facts.Saga(command.Starts)
}

func publish(ctx context.Context, work *database.Work, events []message.Message) error {
	for _, event := range events {
		if _, err := work.Publish(ctx, event); err != nil {
			return err
		}
	}
	return nil
}
