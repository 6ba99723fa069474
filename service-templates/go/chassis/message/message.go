// Package message holds what travels between services: envelopes on their way out, records on their way in, and the
// context that both carry on.
package message

import (
	"maps"
	"strconv"

	"github.com/google/uuid"

	"chassis/identity"
)

// Message is any command, event or view of a service. Its JSON is its form on the wire.
type Message interface {
	MessageName() string // as in the facts, such as "OrderPlaced"
}

// Direction of a saga's step.
type Direction string

// A step goes forward or is undone.
const (
	Forward    Direction = "forward"
	Compensate Direction = "compensate"
)

// Saga says which step of which saga a message belongs to.
type Saga struct {
	ID        uuid.UUID
	Type      string
	Step      string
	Direction Direction
	ReplyTo   string // who waits for a reply; a matter of commands and not passed on with events
	Part      string // "i/n" in a fan-out
	Version   int    // of the saga's definition; 0 when it is not said
}

// SagaOf reads the headers of a record; nil when it belongs to no saga.
func SagaOf(headers map[string]string) *Saga {
	id, err := uuid.Parse(headers[SagaID])
	if err != nil {
		return nil
	}
	direction := Forward
	if headers[SagaDirection] == string(Compensate) {
		direction = Compensate
	}
	version, ok := count(headers[SagaVersion])
	if !ok {
		version = 0
	}
	return &Saga{
		ID: id, Type: headers[SagaType], Step: headers[SagaStep], Direction: direction,
		ReplyTo: headers[ReplyTo], Part: headers[SagaPart], Version: int(version),
	}
}

// Headers are those that go on the wire with an event. Who must reply is not passed on.
func (s *Saga) Headers() map[string]string {
	if s == nil {
		return nil
	}
	headers := map[string]string{
		SagaID: s.ID.String(), SagaType: s.Type, SagaStep: s.Step, SagaDirection: string(s.Direction),
	}
	if s.Part != "" {
		headers[SagaPart] = s.Part
	}
	if s.Version != 0 {
		headers[SagaVersion] = strconv.Itoa(s.Version)
	}
	return headers
}

// Context is why a unit of work runs: handed on with every message it sends.
type Context struct {
	CorrelationID string
	CausationID   string // the ce_id of the message that caused it; empty for a request from outside
	Request       string // Idempotency-Key of a request from outside, the same however often it is sent
	Saga          *Saga
	Caller        string
	TraceParent   string // span of the cause, used when no span is active
}

// NewContext begins a chain of causes.
func NewContext() Context { return Context{CorrelationID: identity.New().String()} }

// WithSaga is the same context as a part of a saga.
func (c Context) WithSaga(saga *Saga) Context {
	c.Saga = saga
	return c
}

// Envelope is a message on its way out: every header as it goes on the wire but those the relay adds (ce_sequence,
// ce_recordedtime), and the payload in wire format. A nil payload is a tombstone.
type Envelope struct {
	Topic   string
	Key     string
	ID      uuid.UUID
	Type    string
	Headers map[string]string
	Payload []byte
}

// With is the envelope with more headers.
func (e Envelope) With(headers map[string]string) Envelope {
	all := maps.Clone(e.Headers)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, headers)
	e.Headers = all
	return e
}

// count is the value of a header that counts, if it is one: digits alone, few enough for 32 bits.
func count(text string) (int64, bool) {
	if text == "" || len(text) > 9 {
		return 0, false
	}
	for _, digit := range []byte(text) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
	}
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil
}
