package recovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/inbox"
	"chassis/message"
	"chassis/rules"
)

const (
	parkedPoll = time.Second
	parkedMost = 10 * time.Second
	parkedAt   = 50 // at one look
)

// Redelivery tries parked records again in the background: slow or poisoned ones hold up nobody else.
//
// Of each key the first record is tried when it is due; when it has gone, the next one is. A record whose predecessor does
// not come is looked up in the topic. What fails for good becomes a dead letter; its key is held, or goes on without it.
type Redelivery struct {
	Inbox   *inbox.Inbox
	Letters *DeadLetters
	// Missing finds the records of a key between a sequence and a record.
	Missing func(ctx context.Context, record *message.Record, after int64) ([]*message.Record, error)
	// RefetchAfter is how long a record waits for its predecessor before that is looked for.
	RefetchAfter time.Duration
	// Advances: a key goes on after a dead letter; otherwise an operator decides.
	Advances bool

	wake chan struct{}
	stop context.CancelFunc
	done sync.WaitGroup
}

// NewRedelivery has not begun.
func NewRedelivery(box *inbox.Inbox, letters *DeadLetters) *Redelivery {
	return &Redelivery{
		Inbox: box, Letters: letters, wake: make(chan struct{}, 1),
		RefetchAfter: time.Duration(rules.GapRefetchSeconds * float64(time.Second)),
		Missing: func(context.Context, *message.Record, int64) ([]*message.Record, error) {
			return nil, nil
		},
	}
}

// Start begins in the background.
func (r *Redelivery) Start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	r.done.Go(func() { r.run(ctx) })
}

// Stop finishes the record in hand.
func (r *Redelivery) Stop() {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
}

// Wake says that something was parked or is due.
func (r *Redelivery) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Redelivery) run(ctx context.Context) {
	pause := parkedPoll
	for ctx.Err() == nil {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
		pause = parkedPoll
		for ctx.Err() == nil {
			tried, err := r.RunOnce(ctx)
			if err != nil && ctx.Err() == nil {
				pause = min(parkedMost, pause*2)
				slog.WarnContext(ctx, "parked records must wait", "reason", err)
			}
			if err != nil || tried == 0 {
				break
			}
		}
	}
}

// RunOnce tries all that are due and gives how many there were.
func (r *Redelivery) RunOnce(ctx context.Context) (int, error) {
	due, err := r.Inbox.Parked.Due(ctx, r.Inbox.DB.Pool(), parkedAt)
	if err != nil {
		return 0, err
	}
	for _, id := range due {
		if ctx.Err() != nil {
			break
		}
		if err := r.try(context.WithoutCancel(ctx), id); err != nil {
			return len(due), err
		}
	}
	return len(due), nil
}

func (r *Redelivery) try(ctx context.Context, id int64) error {
	var parked *inbox.ParkedRecord
	var verdict rules.Verdict
	err := r.Inbox.DB.Work(ctx, message.NewContext(), func(work *database.Work) (err error) {
		parked, err = r.Inbox.Parked.Take(ctx, work.Tx(), id)
		if err != nil || parked == nil {
			return err
		}
		if parked.Reason == "error" && r.isExhausted(parked) {
			verdict = rules.Failed
			return nil
		}
		verdict, err = r.retry(ctx, parked, work)
		return err
	})
	switch {
	case err != nil && parked == nil:
		return err
	case err != nil:
		failure, away := inbox.Judge(err)
		if away != nil {
			return away
		}
		return r.failed(ctx, parked, failure)
	case verdict == rules.Failed:
		return r.giveUp(ctx, parked)
	case verdict == rules.Gap:
		return r.gap(ctx, parked)
	}
	return nil
}

func (r *Redelivery) retry(ctx context.Context, parked *inbox.ParkedRecord, work *database.Work) (verdict rules.Verdict, err error) {
	err = work.Using(parked.Record.Context(), func() error {
		return r.Inbox.Traced(ctx, parked.Record, func(ctx context.Context) (err error) {
			verdict, err = r.Inbox.Retry(ctx, parked, work)
			return err
		})
	})
	return verdict, err
}

func (r *Redelivery) failed(ctx context.Context, parked *inbox.ParkedRecord, failure inbox.Failure) error {
	attempts := 0
	if parked.Reason == "error" { // looking for what is missing was no failure
		attempts = parked.Attempts
	}
	if failure.Counts {
		attempts++
	}
	if failure.Final {
		attempts = r.Inbox.Attempts
	}
	slog.WarnContext(ctx, "parked record failed", "parked", parked.ID, "attempts", attempts, "reason", failure.Text)
	return r.postpone(ctx, parked, "error", attempts, failure.Text, r.delay(attempts))
}

func (r *Redelivery) gap(ctx context.Context, parked *inbox.ParkedRecord) error {
	if r.isExhausted(parked) {
		return r.giveUp(ctx, parked)
	}
	if parked.Age > r.RefetchAfter.Seconds() {
		moved, err := r.refetch(ctx, parked)
		if err != nil {
			return err
		}
		if moved {
			return r.postpone(ctx, parked, "gap", parked.Attempts, parked.Error, 0)
		}
	}
	attempts := parked.Attempts + 1
	sequence, _ := parked.Record.Sequence()
	text := fmt.Sprintf("gap: Gap: nothing before sequence %d arrived", sequence)
	return r.postpone(ctx, parked, "gap", attempts, text, r.delay(attempts))
}

// refetch hands what it finds in the topic to the inbox and tells whether the key went on.
func (r *Redelivery) refetch(ctx context.Context, parked *inbox.ParkedRecord) (bool, error) {
	before, err := r.Inbox.LastSequence(ctx, parked.Record)
	if err != nil {
		return false, err
	}
	found, err := r.Missing(ctx, parked.Record, before)
	if err != nil {
		slog.WarnContext(ctx, "cannot look into the topic", "reason", err)
	}
	for _, missing := range found {
		if _, err := r.Inbox.Receive(ctx, missing); err != nil {
			return false, err
		}
	}
	slog.WarnContext(ctx, "gap", "before", parked.Record.ID(), "key", parked.Record.Key, "found", len(found))
	after, err := r.Inbox.LastSequence(ctx, parked.Record)
	return after > before, err
}

func (r *Redelivery) postpone(
	ctx context.Context, parked *inbox.ParkedRecord, reason string, attempts int, text string, delay int64,
) error {
	return r.Inbox.DB.Tx(ctx, func(tx pgx.Tx) error {
		still, err := r.Inbox.Parked.Take(ctx, tx, parked.ID)
		if err != nil || still == nil {
			return err
		}
		return r.Inbox.Parked.Postpone(ctx, tx, parked.ID, reason, attempts, text, delay)
	})
}

func (r *Redelivery) giveUp(ctx context.Context, parked *inbox.ParkedRecord) error {
	err := r.Letters.Send(ctx, parked.Record, ReasonOf(parked.Error, parked.Attempts, parked.ParkedAt))
	if errors.Is(err, inbox.ErrUnavailable) {
		slog.WarnContext(ctx, "dead letter must wait", "id", parked.Record.ID(), "reason", err)
		return r.postpone(ctx, parked, parked.Reason, parked.Attempts, parked.Error, rules.ParkedDelay(1, rules.Chance))
	}
	if err != nil {
		return err
	}
	err = r.Inbox.DB.Work(ctx, parked.Record.Context(), func(work *database.Work) error {
		still, err := r.Inbox.Parked.Take(ctx, work.Tx(), parked.ID)
		if err != nil || still == nil {
			return err
		}
		if r.Advances {
			return r.Inbox.PassOver(ctx, parked, work, inbox.Dead)
		}
		return r.Inbox.Parked.GiveUp(ctx, work.Tx(), parked.ID)
	})
	if err == nil {
		slog.ErrorContext(ctx, "dead letter", "id", parked.Record.ID(), "key", parked.Record.Key, "held", !r.Advances,
			"reason", parked.Error)
	}
	return err
}

func (r *Redelivery) isExhausted(parked *inbox.ParkedRecord) bool {
	return rules.IsExhausted(parked.Attempts, r.Inbox.Attempts)
}

// delay is none for a record that is given up at its next turn.
func (r *Redelivery) delay(attempts int) int64 {
	if rules.IsExhausted(attempts, r.Inbox.Attempts) {
		return 0
	}
	return rules.ParkedDelay(max(1, attempts), rules.Chance)
}
