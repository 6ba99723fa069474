package inbox

import (
	"context"

	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/message"
	"chassis/rules"
)

// The statements of the inbox. Parameters: handler, source, id, topic, key, sequence.
const (
	known = `known AS (
  SELECT last_seq FROM inbox_cursor
   WHERE handler = $1 AND ce_source = $2 AND topic = $4 AND msg_key = $5 FOR UPDATE)`
	lookAt = `,
       (SELECT last_seq FROM known),
       (SELECT min(coalesce(key_seq, 0)) FROM inbox_parked
         WHERE handler = $1 AND topic = $4 AND msg_key = $5 AND headers->>'ce_source' = $2)`
	claim = `
WITH claimed AS (
  INSERT INTO inbox (handler, ce_source, ce_id) VALUES ($1, $2, $3)
  ON CONFLICT DO NOTHING RETURNING 1), ` + known + `
SELECT EXISTS (SELECT FROM claimed)` + lookAt
	peek   = "WITH nothing AS (SELECT $3::text), " + known + " SELECT true" + lookAt
	reopen = `
UPDATE inbox SET outcome = 'ok', processed_at = now()
 WHERE handler = $1 AND ce_source = $2 AND ce_id = $3 AND outcome = 'dead'`
	bury = `
INSERT INTO inbox (handler, ce_source, ce_id, outcome) VALUES ($1, $2, $3, $4)
ON CONFLICT (handler, ce_source, ce_id) DO UPDATE SET outcome = excluded.outcome WHERE inbox.outcome = 'dead'`
	unclaim = "DELETE FROM inbox WHERE handler = $1 AND ce_source = $2 AND ce_id = $3"
	advance = `
INSERT INTO inbox_cursor AS c (handler, ce_source, topic, msg_key, last_seq) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (handler, ce_source, topic, msg_key) DO UPDATE SET last_seq = excluded.last_seq
 WHERE c.last_seq < excluded.last_seq`
	sweep = `
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM inbox WHERE processed_at < now() - make_interval(days => $1) LIMIT $2))`
)

// KeptDays is longer than a record can come back: seven days in its topic, thirty as a dead letter, and a day to spare.
// Whatever makes a record that comes back harmless is kept as long.
const KeptDays = 38

const sweepBatch = 5_000

// Sweep forgets one batch of the messages that were handled so long ago that none comes back; how many went.
func Sweep(ctx context.Context, on database.Querier) (int64, error) {
	gone, err := on.Exec(ctx, sweep, KeptDays, sweepBatch)
	return gone.RowsAffected(), err
}

// arrival asks what is known of a record and its key, and claims its id unless it is only to be looked at. It locks the
// row of the key's cursor.
func (i *Inbox) arrival(ctx context.Context, tx pgx.Tx, record *message.Record, claims bool) (rules.Arrival, error) {
	query := peek
	if claims {
		query = claim
	}
	var found rules.Arrival
	err := tx.QueryRow(ctx, query, i.Group, record.Source(), record.ID(), record.Topic, record.Key).
		Scan(&found.IsNew, &found.Last, &found.LeastWaiting)
	if err != nil {
		return found, err
	}
	if claims && !found.IsNew && record.Redrives() > 0 {
		opened, err := tx.Exec(ctx, reopen, i.Group, record.Source(), record.ID())
		if err != nil {
			return found, err
		}
		found.Reopened = opened.RowsAffected() == 1
		found.IsNew = found.Reopened
	}
	if found.Reopened || !i.IsOrdered(record) {
		return rules.Arrival{IsNew: found.IsNew, Reopened: found.Reopened}, nil
	}
	if sequence, counts := record.Sequence(); counts {
		found.Sequence = &sequence
	}
	if found.Last != nil && *found.Last == 0 { // the row is there for its lock, nothing was applied
		found.Last = nil
	}
	if found.Last == nil && found.Sequence != nil && *found.Sequence > 1 {
		found.BeginningRemoved = i.BeginningRemoved(record.Topic, record.Partition)
	}
	return found, nil
}

func (i *Inbox) unclaim(ctx context.Context, tx pgx.Tx, record *message.Record) error {
	_, err := tx.Exec(ctx, unclaim, i.Group, record.Source(), record.ID())
	return err
}

// advance moves the cursor of the record's key to the record, where there is an order.
func (i *Inbox) advance(ctx context.Context, tx pgx.Tx, record *message.Record) error {
	sequence, counts := record.Sequence()
	if !counts || !i.IsOrdered(record) {
		return nil
	}
	_, err := tx.Exec(ctx, advance, i.Group, record.Source(), record.Topic, record.Key, sequence)
	return err
}
