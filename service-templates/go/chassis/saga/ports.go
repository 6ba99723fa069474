// Package saga lets a service conduct, watch and take part in sagas, by orchestration and by choreography. Engine is the
// entrance; what follows from what is decided in package machine.
//
// All state is in tables and all time is the database's: a process may end at any moment, and another one goes on.
package saga

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chassis/database"
	"chassis/definition"
	"chassis/execute"
	"chassis/message"
	"chassis/saga/machine"
	"chassis/telemetry"
)

// Decoder is what sagas need of the codec: the wire JSON of a record.
type Decoder interface {
	Decode(ctx context.Context, record *message.Record) (map[string]any, error)
}

// Envelopes is what sagas need of the outbox.
type Envelopes interface {
	// Message encodes the draft's Wire by the schema of its type.
	Message(ctx context.Context, draft message.Draft, cause message.Context) (message.Envelope, error)
	// Raw takes the draft's Payload as it is.
	Raw(ctx context.Context, draft message.Draft, cause message.Context) (message.Envelope, error)
}

// Execute carries out an own command by name within the unit of work, and publishes its event with the context's saga.
type Execute func(ctx context.Context, name string, wire map[string]any, work *database.Work) (execute.Executed, error)

// Request is a step that is a synchronous call of a peer.
type Request struct {
	Peer           string
	Route          definition.Route
	Inputs         map[string]any
	IdempotencyKey string
	CorrelationID  string
	Saga           *message.Saga
}

// Answer of a peer. CarriedOut: the command was, with that event, which may be its rejection.
type Answer struct {
	Status     int
	CarriedOut bool
	Rejected   bool
	Event      string
	Data       map[string]any
}

// Call posts a command to a peer; an error means that there is no answer, and nobody knows whether it was carried out.
type Call func(ctx context.Context, request Request) (Answer, error)

// ports are one for all parts of the engine.
type ports struct {
	definition *definition.Definition
	codec      Decoder
	outbox     Envelopes
	execute    Execute
	flows      *machine.Flows
}

// acting for one saga in the transaction of the work.
type acting struct {
	work *database.Work
	flow *machine.Flow
	id   uuid.UUID
}

func (p *ports) me() string { return p.definition.Name.Kebab }

// owns tells whether this service conducts or watches the saga.
func (p *ports) owns(flow *machine.Flow) bool { return flow.Saga.Owner == p.me() }

// flow is the saga that a message belongs to; a message of one that is not known here can never be handled.
func (p *ports) flow(saga *message.Saga) (*machine.Flow, error) {
	if flow := p.flows.At(saga.Type, saga.Step, saga.Version); flow != nil {
		return flow, nil
	}
	return nil, &message.PermanentFailure{
		Text: fmt.Sprintf("saga %s with step %s is not known here", saga.Type, saga.Step), Reason: message.Schema,
	}
}

// flowOf is the version that a saga in the tables began with.
func (p *ports) flowOf(saga string, version int) (*machine.Flow, error) {
	if flow := p.flows.Of(saga, version); flow != nil {
		return flow, nil
	}
	return nil, fmt.Errorf("saga %s is not known here", saga)
}

// origin of a saga, for what a timer begins: it belongs to the trace in which the saga was started.
type origin struct{ correlation, trace string }

// inSaga acts for a saga: logs carry its id, and what is sent its correlation and trace.
func inSaga(ctx context.Context, at acting, from origin, do func(ctx context.Context) error) error {
	cause := at.work.Context()
	if from.correlation != "" {
		cause.CorrelationID = from.correlation
	}
	attributes := []attribute.KeyValue{
		attribute.String("fleet.saga.type", at.flow.Name()), attribute.String("fleet.saga.mode", at.flow.Saga.Mode),
	}
	ctx = telemetry.Bind(ctx, telemetry.Bound{Correlation: cause.CorrelationID, Saga: at.id.String()})
	if span := trace.SpanFromContext(ctx); span.SpanContext().IsValid() {
		span.SetAttributes(attributes...) // the request or record that is being handled has a span, which will do
	} else {
		var parent map[string]string
		if from.trace != "" {
			parent = map[string]string{message.TraceParent: from.trace}
		}
		var own trace.Span
		ctx, own = telemetry.Start(ctx, telemetry.Span{Name: "saga " + at.flow.Name(), Parent: parent, Attributes: attributes})
		defer own.End()
	}
	for _, known := range []string{telemetry.TraceParent(ctx), from.trace} {
		if known != "" {
			cause.TraceParent = known
			break
		}
	}
	return at.work.Using(cause, func() error { return do(ctx) })
}

// atStep has a span of its own for each step.
func atStep(ctx context.Context, flow *machine.Flow, step string, direction message.Direction, do func(ctx context.Context) error) error {
	name := step
	if direction == message.Compensate {
		name = "undo " + step
	}
	ctx, span := telemetry.Start(ctx, telemetry.Span{Name: "step " + name, Attributes: []attribute.KeyValue{
		attribute.String("fleet.saga.type", flow.Name()), attribute.String("fleet.saga.step", step),
		attribute.String("fleet.saga.direction", string(direction)),
	}})
	defer span.End()
	err := do(ctx)
	if err != nil {
		telemetry.Failed(span, fmt.Sprintf("%T", err))
	}
	return err
}

func logger(ctx context.Context, at acting, level slog.Level, text string, fields ...any) {
	slog.Log(ctx, level, text, append([]any{"saga", at.flow.Name()}, fields...)...)
}
