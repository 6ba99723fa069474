package database

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/identity"
	"chassis/message"
)

// Publisher puts the events of a service into their envelopes (see package outbox).
type Publisher interface {
	Envelope(ctx context.Context, event message.Message, cause message.Context, saga map[string]string) (message.Envelope, error)
}

// Work is a unit of work: one transaction, the context it runs in, and the messages it will send. It commits when the
// function given to Database.Work returns nil. It belongs to one goroutine.
//
// Messages are kept until the end of the transaction and then appended to the outbox in one go, sorted by topic and
// key: row locks of the outbox are held only for the tail of the transaction and always taken in the same order.
type Work struct {
	Peers    any       // speaks to other services, where the composition gave something to speak with
	Deadline time.Time // when whoever waits stops waiting; zero for nobody

	tx        pgx.Tx
	context   message.Context
	publisher Publisher
	outgoing  []message.Envelope
	after     []func()
	versions  map[Aggregate]int64
}

// Aggregate names one aggregate by its table and key.
type Aggregate struct{ Table, Key string }

// NewWork is a unit of work on a transaction that somebody else ends. Database.Work is the usual way to one.
func NewWork(tx pgx.Tx, cause message.Context, publisher Publisher) *Work {
	return &Work{tx: tx, context: cause, publisher: publisher, versions: map[Aggregate]int64{}}
}

// Tx is the transaction.
func (w *Work) Tx() pgx.Tx { return w.tx }

// Context is why this work is done.
func (w *Work) Context() message.Context { return w.context }

// NewID is a new identifier that sorts by time.
func (w *Work) NewID() uuid.UUID { return identity.New() }

// Publish sends an event of this service when the transaction commits. It carries the headers of the context's saga.
func (w *Work) Publish(ctx context.Context, event message.Message) (message.Envelope, error) {
	return w.PublishFor(ctx, event, w.context.Saga)
}

// PublishFor is Publish with the headers of another saga, or of none.
func (w *Work) PublishFor(ctx context.Context, event message.Message, saga *message.Saga) (message.Envelope, error) {
	if w.publisher == nil {
		return message.Envelope{}, errors.New("this unit of work cannot publish")
	}
	envelope, err := w.publisher.Envelope(ctx, event, w.context, saga.Headers())
	if err == nil {
		w.Append(envelope)
	}
	return envelope, err
}

// Append sends a message that is in its envelope already when the transaction commits.
func (w *Work) Append(envelope message.Envelope) { w.outgoing = append(w.outgoing, envelope) }

// Outgoing is what will be sent, in the order of publishing.
func (w *Work) Outgoing() []message.Envelope { return slices.Clone(w.outgoing) }

// OnCommit calls fn after the commit, not after a rollback. For what may be lost in a crash: metrics, wake-ups.
func (w *Work) OnCommit(fn func()) { w.after = append(w.after, fn) }

// Using does something in the same transaction in another context.
func (w *Work) Using(cause message.Context, do func() error) error {
	before := w.context
	w.context = cause
	defer func() { w.context = before }()
	return do()
}

// Nested is a savepoint: an error undoes what was stored and published inside, and is returned.
func (w *Work) Nested(ctx context.Context, do func() error) error {
	sent, after, outer := len(w.outgoing), len(w.after), w.tx
	undo := func() { w.outgoing, w.after, w.tx = w.outgoing[:sent], w.after[:after], outer }
	inner, err := outer.Begin(ctx)
	if err != nil {
		return err
	}
	w.tx = inner
	done := false
	defer func() {
		if !done { // a panic
			undo()
		}
	}()
	if err := do(); err != nil {
		done = true
		undo()
		return errors.Join(err, inner.Rollback(ctx))
	}
	done = true
	if err := inner.Commit(ctx); err != nil {
		undo()
		return err
	}
	w.tx = outer
	return nil
}

// Version is the version at which this work last saw an aggregate.
func (w *Work) Version(aggregate Aggregate) (int64, bool) {
	version, ok := w.versions[aggregate]
	return version, ok
}

// Saw notes the version of an aggregate, for the check when it is saved.
func (w *Work) Saw(aggregate Aggregate, version int64) { w.versions[aggregate] = version }

// Flush appends what was published; called right before the commit. It tells how many messages there were.
func (w *Work) Flush(ctx context.Context) (int, error) {
	messages := w.outgoing
	w.outgoing = nil
	slices.SortStableFunc(messages, func(a, b message.Envelope) int {
		if byTopic := strings.Compare(a.Topic, b.Topic); byTopic != 0 {
			return byTopic
		}
		return strings.Compare(a.Key, b.Key)
	})
	return len(messages), appendAll(ctx, w.tx, messages)
}

// Committed runs the callbacks; called after the commit.
func (w *Work) Committed() {
	callbacks := w.after
	w.after = nil
	for _, callback := range callbacks {
		callback()
	}
}
