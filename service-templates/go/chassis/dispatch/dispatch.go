// Package dispatch says which code handles which type of record.
package dispatch

import (
	"context"

	"chassis/database"
	"chassis/message"
)

// Handler handles one record inside the inbox's transaction; an error rolls back all handlers of the record.
type Handler func(ctx context.Context, record *message.Record, work *database.Work) error

// Dispatch holds handlers by ce_type, called in the order of their registration, all in one transaction. It is filled
// before the service begins to read.
type Dispatch struct{ handlers map[string][]Handler }

// New is one without handlers.
func New() *Dispatch { return &Dispatch{handlers: map[string][]Handler{}} }

// On lets the handler see the records of that type.
func (d *Dispatch) On(ceType string, handler Handler) {
	d.handlers[ceType] = append(d.handlers[ceType], handler)
}

// Of gives the handlers of a record; none for a type that nobody asked for.
func (d *Dispatch) Of(record *message.Record) []Handler {
	if _, isReply := record.Headers[message.Outcome]; isReply {
		return d.handlers[message.ReplyType]
	}
	return d.handlers[record.Type()]
}

// Merged has these handlers, then the others.
func (d *Dispatch) Merged(other *Dispatch) *Dispatch {
	merged := New()
	for _, each := range []*Dispatch{d, other} {
		for ceType, handlers := range each.handlers {
			merged.handlers[ceType] = append(merged.handlers[ceType], handlers...)
		}
	}
	return merged
}
