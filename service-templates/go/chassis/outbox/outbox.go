// Package outbox puts messages into their envelopes.
//
// The envelope is a CloudEvent in Kafka's binary mode: all attributes are headers. It is complete when it is written, but
// for the sequence of its key and the time of recording, which the relay adds.
package outbox

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"github.com/google/uuid"

	"chassis/clock"
	"chassis/codec"
	"chassis/definition"
	"chassis/identity"
	"chassis/message"
	"chassis/tracing"
	"chassis/wire"
)

// Outbox wraps the messages of one service. Any goroutine may use it.
type Outbox struct {
	facts  *definition.Definition
	codec  *codec.Codec
	shapes map[string]*wire.Shape
}

// New knows the events of a service.
func New(facts *definition.Definition, encoder *codec.Codec) *Outbox {
	outbox := &Outbox{facts, encoder, map[string]*wire.Shape{}}
	for _, events := range [][]definition.Event{facts.ForeignEvents, facts.Events} {
		for _, event := range events {
			outbox.shapes[event.Name.Text] = wire.Compile(event.Fields, facts.Values)
		}
	}
	return outbox
}

// Wire is an event as wire JSON.
func (o *Outbox) Wire(event message.Message) (map[string]any, error) {
	shape, ok := o.shapes[event.MessageName()]
	if !ok {
		return nil, fmt.Errorf("%s is not an event that %s knows", event.MessageName(), o.facts.Name.Text)
	}
	return shape.Write(event)
}

// Envelope wraps an event of this service; saga are the headers of the saga it belongs to.
func (o *Outbox) Envelope(
	ctx context.Context, event message.Message, cause message.Context, saga map[string]string,
) (message.Envelope, error) {
	known := o.facts.Event(event.MessageName())
	if known == nil {
		return message.Envelope{}, fmt.Errorf("%s is not an event of %s", event.MessageName(), o.facts.Name.Text)
	}
	data, err := o.Wire(event)
	if err != nil {
		return message.Envelope{}, fmt.Errorf("%s: %w", event.MessageName(), err)
	}
	key, err := text(data[known.Key])
	if err != nil {
		return message.Envelope{}, fmt.Errorf("%s: the partition key %w", event.MessageName(), err)
	}
	subject, err := text(data[known.Subject])
	if err != nil {
		return message.Envelope{}, fmt.Errorf("%s: the subject %w", event.MessageName(), err)
	}
	return o.Message(ctx, message.Draft{
		Type: known.Type, Wire: data, Topic: known.Topic, Key: key, Subject: subject, Headers: saga,
	}, cause)
}

// Message wraps any message the codec knows, such as a saga's command or reply, for any topic and key.
func (o *Outbox) Message(ctx context.Context, draft message.Draft, cause message.Context) (message.Envelope, error) {
	payload, err := o.codec.Encode(ctx, draft.Type, draft.Wire)
	if err != nil {
		return message.Envelope{}, err
	}
	schema, err := o.codec.SchemaURL(ctx, draft.Type)
	if err != nil {
		return message.Envelope{}, err
	}
	draft.Payload, draft.ContentType = payload, o.codec.ContentType(draft.Type)
	return o.envelope(ctx, draft, schema, cause), nil
}

// Raw wraps a payload that is in wire format already.
func (o *Outbox) Raw(ctx context.Context, draft message.Draft, cause message.Context) (message.Envelope, error) {
	return o.envelope(ctx, draft, "", cause), nil
}

// envelope adds all headers. The span made here is the message's creation context: whoever handles it becomes its child.
func (o *Outbox) envelope(ctx context.Context, draft message.Draft, schema string, cause message.Context) message.Envelope {
	id := draft.ID
	if id == uuid.Nil {
		id = identity.New()
	}
	if draft.ContentType == "" {
		draft.ContentType = message.JSON
	}
	if draft.Subject == "" {
		draft.Subject = draft.Key
	}
	headers := map[string]string{
		message.ContentType:   draft.ContentType,
		message.SpecVersion:   "1.0",
		message.ID:            id.String(),
		message.Source:        o.facts.Source,
		message.Type:          draft.Type,
		message.Time:          clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		message.Subject:       draft.Subject,
		message.DataSchema:    schema,
		message.PartitionKey:  draft.Key,
		message.CorrelationID: cause.CorrelationID,
		message.CausationID:   cause.CausationID,
	}
	maps.Copy(headers, tracing.Create(ctx, draft.Topic, draft.Key, id.String(), cause))
	maps.DeleteFunc(headers, func(_, value string) bool { return value == "" })
	maps.Copy(headers, draft.Headers)
	return message.Envelope{
		Topic: draft.Topic, Key: draft.Key, ID: id, Type: draft.Type, Headers: headers, Payload: draft.Payload,
	}
}

// text is a key on the wire. A key that is absent would break the order of its messages, so it is refused.
func text(value any) (string, error) {
	switch given := value.(type) {
	case string:
		return given, nil
	case int64:
		return strconv.FormatInt(given, 10), nil
	case bool:
		return strconv.FormatBool(given), nil
	}
	return "", fmt.Errorf("must not be absent")
}
