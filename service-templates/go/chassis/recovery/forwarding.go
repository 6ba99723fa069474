package recovery

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"chassis/database"
	"chassis/inbox"
	"chassis/message"
	"chassis/rules"
)

// Forwarding takes over from the inbox what failed and holds up no other: it goes to a retry topic, or to the dead
// letters. The record's offset is committed when the broker has taken it.
func Forwarding(box *inbox.Inbox, letters *DeadLetters) func(context.Context, *message.Record, inbox.Failure) error {
	return func(ctx context.Context, record *message.Record, failure inbox.Failure) error {
		levels := len(letters.Delays)
		if box.IsOrdered(record) {
			levels = 0
		}
		now, err := database.ServerTime(ctx, box.DB.Pool())
		if err != nil {
			return fmt.Errorf("%w: %w", inbox.ErrUnavailable, err)
		}
		reason := forwarded(record, failure, now)
		if level, again := rules.NextLevel(record.Level, failure.Final, failure.Counts, levels); again {
			if err := letters.Retry(ctx, record, reason, level, now); err != nil {
				return err
			}
			slog.WarnContext(ctx, "will be tried again", "type", record.Type(), "id", record.ID(), "level", level,
				"reason", failure.Text)
			return nil
		}
		return giveUp(ctx, box, letters, record, reason)
	}
}

func giveUp(ctx context.Context, box *inbox.Inbox, letters *DeadLetters, record *message.Record, reason Reason) error {
	if err := letters.Send(ctx, record, reason); err != nil {
		return err
	}
	err := box.DB.Work(ctx, record.Context(), func(work *database.Work) error {
		return box.Bury(ctx, record, work, inbox.Dead)
	})
	if err != nil {
		return fmt.Errorf("%w: %w", inbox.ErrUnavailable, err)
	}
	slog.ErrorContext(ctx, "dead letter", "id", record.ID(), "key", record.Key, "reason", reason.Text)
	return nil
}

func forwarded(record *message.Record, failure inbox.Failure, now time.Time) Reason {
	attempts := 0
	if record.Level > 0 {
		if before, err := strconv.ParseUint(record.Headers["dlq_attempts"], 10, 30); err == nil {
			attempts = int(before)
		}
	}
	if failure.Counts {
		attempts++
	}
	began := record.Headers["dlq_first_failed_at"]
	if began == "" {
		began = now.UTC().Format(moments)
	}
	return ReasonOf(failure.Text, attempts, began)
}
