package inbox

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/message"
)

const (
	// Writers and drainers of a key meet at the lock of its cursor's row, so the row must exist.
	ensureCursor = `
INSERT INTO inbox_cursor (handler, ce_source, topic, msg_key, last_seq) VALUES ($1, $2, $3, $4, 0)
ON CONFLICT DO NOTHING`
	lockCursor = `
SELECT FROM inbox_cursor WHERE handler = $1 AND ce_source = $2 AND topic = $3 AND msg_key = $4 FOR UPDATE`
	ofKey = "handler = $1 AND topic = $2 AND msg_key = $3 AND headers->>'ce_source' = $4"
	park  = `
INSERT INTO inbox_parked (handler, topic, msg_key, part, off, key_seq, headers, payload, written_at, reason, attempts,
                          last_error, next_at)
SELECT $1, $2, $3, $5, $6, $7, $8, $9, $10, $11, $12, $13,
       CASE WHEN $11 = 'behind_parked' AND EXISTS (SELECT FROM inbox_parked WHERE ` + ofKey + `)
            THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => $14::float8 / 1000) END
ON CONFLICT (handler, topic, part, off) DO NOTHING`
	dueRecords = `
SELECT id FROM inbox_parked WHERE handler = $1 AND next_at <= clock_timestamp() ORDER BY next_at, id LIMIT $2`
	parkedColumns = `
SELECT id, topic, part, off, msg_key, headers, payload, reason, attempts, coalesce(last_error, ''),
       to_char(parked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       extract(epoch FROM clock_timestamp() - parked_at)::float8, coalesce(written_at, 0)
  FROM inbox_parked `
	takeParked    = parkedColumns + "WHERE id = $1 AND next_at <= clock_timestamp() FOR UPDATE SKIP LOCKED"
	removeParked  = "DELETE FROM inbox_parked WHERE id = $1"
	promoteParked = `
UPDATE inbox_parked SET next_at = clock_timestamp()
 WHERE id = (SELECT id FROM inbox_parked WHERE ` + ofKey + ` ORDER BY coalesce(key_seq, 0), id LIMIT 1)
   AND next_at > clock_timestamp() AND (reason = 'behind_parked' OR (reason = 'gap' AND key_seq <= $5::bigint + 1))`
	postponeParked = `
UPDATE inbox_parked SET attempts = $1, last_error = $2, reason = $3,
       next_at = clock_timestamp() + make_interval(secs => $4::float8 / 1000)
 WHERE id = $5`
	giveUpParked = "UPDATE inbox_parked SET next_at = 'infinity' WHERE id = $1"
	firstOfKey   = `
SELECT DISTINCT ON (topic, headers->>'ce_source') id FROM inbox_parked WHERE handler = $1 AND msg_key = $2
 ORDER BY topic, headers->>'ce_source', coalesce(key_seq, 0), id`
	retryParked = `
UPDATE inbox_parked SET attempts = 0, next_at = clock_timestamp(), version = version + 1
 WHERE handler = $1 AND msg_key = $2 AND id IN (` + firstOfKey + ")"
	versionOfParked = `
SELECT coalesce(string_agg(id || '-' || version, '.' ORDER BY id), '') FROM inbox_parked WHERE id IN (` + firstOfKey + ")"
	// One that is being tried, or waits behind others, needs no help.
	rearmParked = `
UPDATE inbox_parked SET attempts = 0, next_at = clock_timestamp(), version = version + 1, headers = $1
 WHERE handler = $2 AND topic = $3 AND part = $4 AND off = $5 AND next_at = 'infinity' AND reason <> 'behind_parked'`
	isParked = "SELECT EXISTS (SELECT FROM inbox_parked WHERE handler = $1 AND topic = $2 AND part = $3 AND off = $4)"
	parkedAt = parkedColumns + "WHERE handler = $1 AND topic = $2 AND part = $3 AND off = $4 FOR UPDATE"
)

// ParkedRecord waits in the inbox. Error begins with the reason and the class of the last failure.
type ParkedRecord struct {
	ID       int64
	Record   *message.Record
	Reason   string
	Attempts int
	Error    string
	ParkedAt string  // RFC 3339
	Age      float64 // seconds
}

// Parked holds the records of one handler that wait, with the later ones of their key. Of each key only the first record
// is ever due; the others wait with next_at = infinity until it has gone. Every method works inside the transaction that
// it is given.
type Parked struct{ handler string }

type parking struct {
	reason   string
	attempts int
	err      string
	delay    int64 // milliseconds
}

func (p Parked) park(ctx context.Context, tx pgx.Tx, record *message.Record, as parking) error {
	for _, statement := range []string{ensureCursor, lockCursor} {
		if _, err := tx.Exec(ctx, statement, p.handler, record.Source(), record.Topic, record.Key); err != nil {
			return err
		}
	}
	var sequence *int64
	if counted, counts := record.Sequence(); counts {
		sequence = &counted
	}
	_, err := tx.Exec(ctx, park, p.handler, record.Topic, record.Key, record.Source(), record.Partition, record.Offset,
		sequence, storedHeaders(record), record.Payload, record.Timestamp, as.reason, as.attempts, as.err, as.delay)
	return err
}

// Due gives the ids of records to be tried now.
func (p Parked) Due(ctx context.Context, on database.Querier, limit int) ([]int64, error) {
	rows, err := on.Query(ctx, dueRecords, p.handler, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// Take gives a due record, locked; nil when somebody else has it or it is not due any more.
func (p Parked) Take(ctx context.Context, tx pgx.Tx, id int64) (*ParkedRecord, error) {
	return p.one(tx.QueryRow(ctx, takeParked, id))
}

// At gives the parked record that lay there, due or not, locked; nil when there is none.
func (p Parked) At(ctx context.Context, tx pgx.Tx, topic string, partition int32, offset int64) (*ParkedRecord, error) {
	return p.one(tx.QueryRow(ctx, parkedAt, p.handler, topic, partition, offset))
}

func (p Parked) one(row pgx.Row) (*ParkedRecord, error) {
	var (
		found   ParkedRecord
		place   message.Record
		headers map[string]any
	)
	err := row.Scan(&found.ID, &place.Topic, &place.Partition, &place.Offset, &place.Key, &headers, &place.Payload,
		&found.Reason, &found.Attempts, &found.Error, &found.ParkedAt, &found.Age, &place.Timestamp)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	place.Level = message.Straight
	if err := restoreHeaders(&place, headers); err != nil {
		return nil, err
	}
	found.Record = &place
	return &found, nil
}

// remove says that the record has been dealt with: the next one of its key is due.
func (p Parked) remove(ctx context.Context, tx pgx.Tx, parked *ParkedRecord) error {
	if _, err := tx.Exec(ctx, removeParked, parked.ID); err != nil {
		return err
	}
	return p.promote(ctx, tx, parked.Record)
}

// promote says that this record of the key has been dealt with: is the first one that waits due now? One that failed keeps
// its own time, and one whose predecessor is missing is due when that was this record.
func (p Parked) promote(ctx context.Context, tx pgx.Tx, record *message.Record) error {
	var sequence *int64
	if counted, counts := record.Sequence(); counts {
		sequence = &counted
	}
	_, err := tx.Exec(ctx, promoteParked, p.handler, record.Topic, record.Key, record.Source(), sequence)
	return err
}

// Postpone lets a record be tried again in so many milliseconds.
func (p Parked) Postpone(ctx context.Context, tx pgx.Tx, id int64, reason string, attempts int, text string, delay int64) error {
	_, err := tx.Exec(ctx, postponeParked, attempts, text, reason, delay, id)
	return err
}

// GiveUp tries no more: the record stays and holds its key until an operator decides.
func (p Parked) GiveUp(ctx context.Context, tx pgx.Tx, id int64) error {
	_, err := tx.Exec(ctx, giveUpParked, id)
	return err
}

// Retry is an operator's wish: try the first record of the key again now, with all its attempts.
func (p Parked) Retry(ctx context.Context, tx pgx.Tx, key string) (int64, error) {
	done, err := tx.Exec(ctx, retryParked, p.handler, key)
	return done.RowsAffected(), err
}

// Version says which records are the first of the key, and how often operators have intervened; empty for none.
func (p Parked) Version(ctx context.Context, on database.Querier, key string) (string, error) {
	var version string
	err := on.QueryRow(ctx, versionOfParked, p.handler, key).Scan(&version)
	return version, err
}

// rearm lets a record that was given up, stays and comes back be tried again, and tells whether it is parked at all.
func (p Parked) rearm(ctx context.Context, tx pgx.Tx, record *message.Record) (rearmed, parked bool, err error) {
	place := []any{p.handler, record.Topic, record.Partition, record.Offset}
	done, err := tx.Exec(ctx, rearmParked, append([]any{storedHeaders(record)}, place...)...)
	if err != nil || done.RowsAffected() > 0 {
		return err == nil, err == nil, err
	}
	err = tx.QueryRow(ctx, isParked, place...).Scan(&parked)
	return false, parked, err
}
