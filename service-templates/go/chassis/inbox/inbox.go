// Package inbox lets each record take effect once, those of a key in the order of their sequence.
//
// The row that says "handled", the cursor of the key, the effects and the messages they send are one transaction. All
// handlers of a record run in it. Decisions are in package rules.
package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chassis/database"
	"chassis/dispatch"
	"chassis/faults"
	"chassis/message"
	"chassis/rules"
	"chassis/telemetry"
	"chassis/tracing"
)

// Outcome of a record that was not handled.
type Outcome string

// A dead record can be brought back by a redrive; one that was discarded cannot.
const (
	Dead      Outcome = "dead"
	Discarded Outcome = "discarded"
)

// Inbox of one consumer group. All is set before records are received.
type Inbox struct {
	DB       *database.Database
	Dispatch *dispatch.Dispatch
	Group    string
	// Unordered are topics that are read without regard to order.
	Unordered map[string]bool
	// Attempts: after so many failures a record is given up.
	Attempts int
	// BeginningRemoved tells whether the first records of a partition are gone by retention.
	BeginningRemoved func(topic string, partition int32) bool
	// OnParked is called when a record was parked.
	OnParked func()
	// Forward takes over records that failed and hold up no other. It gives an ErrUnavailable if that cannot be.
	Forward func(ctx context.Context, record *message.Record, failure Failure) error

	Parked Parked
}

// New is an inbox that parks what fails and forwards nothing.
func New(db *database.Database, handlers *dispatch.Dispatch, group string) *Inbox {
	return &Inbox{
		DB: db, Dispatch: handlers, Group: group, Unordered: map[string]bool{}, Attempts: rules.ParkedAttempts,
		BeginningRemoved: func(string, int32) bool { return false },
		OnParked:         func() {},
		Forward: func(_ context.Context, record *message.Record, _ Failure) error {
			return fmt.Errorf("%w: %s failed and there are no retry topics", ErrUnavailable, record.ID())
		},
		Parked: Parked{group},
	}
}

// IsOrdered tells whether the records of its topic are applied in the order of their sequence.
func (i *Inbox) IsOrdered(record *message.Record) bool { return !i.Unordered[record.Topic] }

// Receive handles a record, parks it or forwards it, so that its offset may be committed. After an ErrUnavailable, when
// database or broker are away, nothing was done.
func (i *Inbox) Receive(ctx context.Context, record *message.Record) (rules.Verdict, error) {
	var failed Failure
	for attempt := 1; ; attempt++ {
		verdict, err := i.attempt(ctx, record)
		if err == nil {
			return verdict, nil
		}
		if ctx.Err() != nil {
			return "", fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
		if failed, err = Judge(err); err != nil {
			return "", err
		}
		slog.WarnContext(ctx, "record failed", "type", record.Type(), "id", record.ID(), "reason", failed.Text)
		if !failed.InPlace || attempt == rules.InPlaceTries {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rules.InPlaceDelay(attempt, rules.Chance)) * time.Millisecond):
		}
	}
	// Parking holds the key: pointless without an order, and wrong for one whose key has gone on without it.
	if i.IsOrdered(record) && record.Level < rules.Redriven {
		return rules.Failed, i.parkFailed(ctx, record, failed)
	}
	return rules.Failed, i.Forward(ctx, record, failed)
}

// ReceiveTogether handles several records in one transaction, which costs one commit. It is false when one of them
// failed: then nothing was done, and each is to be received by itself.
func (i *Inbox) ReceiveTogether(ctx context.Context, records []*message.Record) (bool, error) {
	verdicts, took := make([]rules.Verdict, len(records)), make([]time.Duration, len(records))
	err := i.DB.Work(ctx, message.NewContext(), func(work *database.Work) error {
		for n, record := range records {
			began := time.Now()
			err := work.Using(record.Context(), func() error {
				return i.Traced(ctx, record, func(ctx context.Context) (err error) {
					verdicts[n], err = i.apply(ctx, record, work, i.Dispatch.Of(record))
					return err
				})
			})
			if err != nil {
				return err
			}
			took[n] = time.Since(began)
		}
		return nil
	})
	if err != nil {
		failed, away := Judge(err)
		if away != nil {
			return false, away
		}
		slog.InfoContext(ctx, "records must be handled one by one", "records", len(records), "reason", failed.Text)
		return false, nil
	}
	for n, record := range records {
		faults.Point("inbox.after_commit", record.Type())
		i.count(ctx, record, verdicts[n], took[n])
	}
	return true, nil
}

// Skim moves the cursors over records that nobody handles, in one transaction.
func (i *Inbox) Skim(ctx context.Context, records []*message.Record) error {
	err := i.DB.Work(ctx, message.NewContext(), func(work *database.Work) error {
		for _, record := range records {
			if !i.IsOrdered(record) {
				continue
			}
			if _, err := i.apply(ctx, record, work, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

func (i *Inbox) attempt(ctx context.Context, record *message.Record) (verdict rules.Verdict, err error) {
	handlers := i.Dispatch.Of(record)
	began := time.Now()
	do := func(ctx context.Context) error {
		return i.DB.Work(ctx, record.Context(), func(work *database.Work) (err error) {
			verdict, err = i.apply(ctx, record, work, handlers)
			return err
		})
	}
	if len(handlers) > 0 {
		err = i.Traced(ctx, record, do)
	} else {
		err = do(ctx)
	}
	if err != nil {
		return "", err
	}
	faults.Point("inbox.after_commit", record.Type())
	i.count(ctx, record, verdict, time.Since(began))
	return verdict, nil
}

// Traced does something in the span of handling a record, its ids on every line of the log.
func (i *Inbox) Traced(ctx context.Context, record *message.Record, do func(ctx context.Context) error) error {
	ctx, span := tracing.Process(ctx, record, i.Group)
	defer span.End()
	err := do(ctx)
	if err != nil {
		markFailed(span, err)
	}
	return err
}

func markFailed(span trace.Span, err error) { telemetry.Failed(span, class(err)) }

func (i *Inbox) apply(
	ctx context.Context, record *message.Record, work *database.Work, handlers []dispatch.Handler,
) (rules.Verdict, error) {
	if record.Redrives() > 0 && record.Level == rules.Redriven {
		// A redriven record may still be parked, holding its key: then it is tried there, in its place.
		isParked, err := i.rearm(ctx, record, work)
		if err != nil || isParked {
			return rules.Rearmed, err
		}
	}
	arrival, err := i.arrival(ctx, work.Tx(), record, len(handlers) > 0)
	if err != nil {
		return "", err
	}
	verdict := rules.Judge(arrival)
	switch verdict {
	case rules.Handle:
		if err := i.handle(ctx, record, work, handlers); err != nil {
			return "", err
		}
		if arrival.LeastWaiting != nil {
			work.OnCommit(i.OnParked)
			return verdict, i.Parked.promote(ctx, work.Tx(), record)
		}
	case rules.Gap, rules.BehindParked:
		if err := i.unclaim(ctx, work.Tx(), record); err != nil {
			return "", err
		}
		return verdict, i.park(ctx, work, record, verdict, nil)
	}
	return verdict, nil
}

func (i *Inbox) rearm(ctx context.Context, record *message.Record, work *database.Work) (isParked bool, err error) {
	rearmed, isParked, err := i.Parked.rearm(ctx, work.Tx(), record)
	if rearmed {
		work.OnCommit(i.OnParked)
	}
	return isParked, err
}

func (i *Inbox) handle(
	ctx context.Context, record *message.Record, work *database.Work, handlers []dispatch.Handler,
) error {
	faults.Point("inbox.after_insert", record.Type())
	for _, handler := range handlers {
		if err := call(ctx, handler, record, work); err != nil {
			return err
		}
	}
	faults.Point("inbox.after_effect", record.Type())
	return i.advance(ctx, work.Tx(), record)
}

// call makes an error of a handler's panic: one record must not end the process, for it would come again.
func call(ctx context.Context, handler dispatch.Handler, record *message.Record, work *database.Work) (err error) {
	defer func() {
		if said := recover(); said != nil {
			slog.ErrorContext(ctx, "a handler panicked", "type", record.Type(), "said", said, "stack", string(debug.Stack()))
			err = &panicked{said}
		}
	}()
	return handler(ctx, record, work)
}

// Retry handles a parked record that is due; a gap leaves everything as it is.
func (i *Inbox) Retry(ctx context.Context, parked *ParkedRecord, work *database.Work) (rules.Verdict, error) {
	record := parked.Record
	arrival, err := i.arrival(ctx, work.Tx(), record, true)
	if err != nil {
		return "", err
	}
	arrival.LeastWaiting = nil
	verdict := rules.Judge(arrival)
	switch verdict {
	case rules.Gap:
		return verdict, i.unclaim(ctx, work.Tx(), record)
	case rules.Handle:
		if err := i.handle(ctx, record, work, i.Dispatch.Of(record)); err != nil {
			return "", err
		}
	}
	return verdict, i.Parked.remove(ctx, work.Tx(), parked)
}

// PassOver counts a record that was given up as dealt with; those behind it go on.
func (i *Inbox) PassOver(ctx context.Context, parked *ParkedRecord, work *database.Work, outcome Outcome) error {
	if err := i.Bury(ctx, parked.Record, work, outcome); err != nil {
		return err
	}
	if err := i.advance(ctx, work.Tx(), parked.Record); err != nil {
		return err
	}
	return i.Parked.remove(ctx, work.Tx(), parked)
}

// Bury notes that a record was given up: only a redrive brings it back; one that was discarded nothing.
func (i *Inbox) Bury(ctx context.Context, record *message.Record, work *database.Work, outcome Outcome) error {
	_, err := work.Tx().Exec(ctx, bury, i.Group, record.Source(), record.ID(), string(outcome))
	return err
}

// LastSequence is the last sequence applied of the record's key.
func (i *Inbox) LastSequence(ctx context.Context, record *message.Record) (int64, error) {
	var last int64
	err := i.DB.Pool().QueryRow(ctx, `
SELECT coalesce((SELECT last_seq FROM inbox_cursor
                  WHERE handler = $1 AND ce_source = $2 AND topic = $3 AND msg_key = $4), 0)`,
		i.Group, record.Source(), record.Topic, record.Key).Scan(&last)
	return last, err
}

func (i *Inbox) park(
	ctx context.Context, work *database.Work, record *message.Record, verdict rules.Verdict, failed *Failure,
) error {
	as := parking{reason: string(verdict), err: string(verdict), delay: rules.ParkedDelay(1, rules.Chance)}
	if failed != nil {
		as.reason, as.err = "error", failed.Text
		switch {
		case failed.Final:
			as.attempts, as.delay = i.Attempts, 0
		case failed.Counts:
			as.attempts = 1
		}
	}
	if err := i.Parked.park(ctx, work.Tx(), record, as); err != nil {
		return err
	}
	faults.Point("park.after_insert", record.Type())
	work.OnCommit(i.OnParked)
	return nil
}

func (i *Inbox) parkFailed(ctx context.Context, record *message.Record, failed Failure) error {
	err := i.DB.Work(ctx, record.Context(), func(work *database.Work) error {
		return i.park(ctx, work, record, rules.Failed, &failed)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	slog.ErrorContext(ctx, "parked", "type", record.Type(), "id", record.ID(), "key", record.Key, "reason", failed.Text)
	return nil
}

func (i *Inbox) count(ctx context.Context, record *message.Record, verdict rules.Verdict, took time.Duration) {
	attributes := telemetry.Messaging("process", record.Topic, i.Group)
	switch verdict {
	case rules.Duplicate:
		telemetry.Duplicates.Add(ctx, 1, attributes)
	case rules.Stale:
		telemetry.Stale.Add(ctx, 1, attributes)
	}
	telemetry.ProcessDuration.Record(ctx, took.Seconds(), attributes)
}
