package message

import (
	"fmt"
	"strconv"
)

// Straight is the level of a record that was read from its own topic, not from a retry topic.
const Straight = -1

const sequenceDigits = 20 // as on the wire

// Header of a record as it lay in the topic. A nil value is a header without one.
type Header struct {
	Name  string
	Value []byte
}

// Record is a record as it was read. Key and Headers are text that a database can keep; RawKey and RawHeaders are what
// lay in the topic, byte for byte.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       string
	Headers   map[string]string
	Payload   []byte // nil for a tombstone
	Timestamp int64  // milliseconds

	RawKey     []byte // nil when there is none
	RawHeaders []Header
	Level      int // of the retry topic it was read from, or Straight
}

// ID is the message's identity; a record without one is identified by where it lies.
func (r *Record) ID() string {
	if id := r.Headers[ID]; id != "" {
		return id
	}
	return fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)
}

// Type is ce_type, such as "sales.OrderPlaced.v1"; empty when the record says none.
func (r *Record) Type() string { return r.Headers[Type] }

// Source is the service that wrote it; empty when unknown.
func (r *Record) Source() string { return r.Headers[Source] }

// Sequence is the position among the messages of its topic and key, dense from 1. It is false when the producer counts
// nothing.
func (r *Record) Sequence() (int64, bool) {
	text := r.Headers[Sequence]
	if text == "" || len(text) > sequenceDigits {
		return 0, false
	}
	for _, digit := range []byte(text) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
	}
	sequence, err := strconv.ParseInt(text, 10, 64)
	return sequence, err == nil
}

// Redrives is how often an operator has sent this record again after it was given up.
func (r *Record) Redrives() int {
	redrives, _ := count(r.Headers[RedriveCount])
	return int(redrives)
}

// Context is that of whatever the record causes.
func (r *Record) Context() Context {
	correlation := r.Headers[CorrelationID]
	if correlation == "" {
		correlation = r.ID()
	}
	trace := r.Headers[CreationTrace]
	if trace == "" {
		trace = r.Headers[TraceParent]
	}
	return Context{
		CorrelationID: correlation, CausationID: r.ID(), Saga: SagaOf(r.Headers), Caller: r.Source(), TraceParent: trace,
	}
}
