package relay

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"chassis/message"
	"chassis/rules"
	"chassis/telemetry"
	"chassis/tracing"
)

const (
	heldKeys = `
SELECT topic, msg_key FROM outbox WHERE not_before IS NOT NULL AND not_before > clock_timestamp()
UNION SELECT topic, msg_key FROM outbox_dead`
	columns = `
SELECT position, bucket, topic, msg_key, key_seq, headers, payload,
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       extract(epoch FROM clock_timestamp() - created_at)::float8, attempts
  FROM outbox WHERE bucket = ANY($1)`
	all    = columns + " ORDER BY position LIMIT $2"
	unheld = columns + `
   AND (topic, msg_key) NOT IN (SELECT * FROM unnest($3::text[], $4::text[])) ORDER BY position LIMIT $2`
	deleteAcked = "DELETE FROM outbox WHERE position = ANY($1)"
	holdOne     = `
UPDATE outbox SET attempts = attempts + 1, last_error = $1,
       not_before = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
 WHERE position = $3`
	bury = `
WITH moved AS (DELETE FROM outbox WHERE position = $1 RETURNING *)
INSERT INTO outbox_dead (position, bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload, created_at,
                         attempts, last_error, not_before)
SELECT position, bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload, created_at,
       attempts + 1, $2, not_before FROM moved`
)

// row is a message of the outbox.
type row struct {
	position int64
	bucket   int
	topic    string
	key      string
	seq      int64
	headers  map[string]string
	payload  []byte
	recorded string  // ce_recordedtime
	age      float64 // seconds when it was selected
	attempts int
}

// selectRows gives the next messages of the buckets, in order of position; keys that are held are left out whole.
func selectRows(ctx context.Context, on *pgx.Conn, buckets []int, most int) ([]row, error) {
	topics, keys, err := held(ctx, on)
	if err != nil {
		return nil, err
	}
	query, parameters := all, []any{buckets, most}
	if len(keys) > 0 {
		query, parameters = unheld, append(parameters, topics, keys)
	}
	found, err := on.Query(ctx, query, parameters...)
	if err != nil {
		return nil, err
	}
	rows := make([]row, 0, most)
	for found.Next() {
		var r row
		if err := found.Scan(&r.position, &r.bucket, &r.topic, &r.key, &r.seq, &r.headers, &r.payload, &r.recorded, &r.age,
			&r.attempts); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

func held(ctx context.Context, on *pgx.Conn) (topics, keys []string, err error) {
	found, err := on.Query(ctx, heldKeys)
	if err != nil {
		return nil, nil, err
	}
	for found.Next() {
		var topic, key string
		if err := found.Scan(&topic, &key); err != nil {
			return nil, nil, err
		}
		topics, keys = append(topics, topic), append(keys, key)
	}
	return topics, keys, found.Err()
}

func settle(ctx context.Context, tx pgx.Tx, settlement rules.Settlement) error {
	if len(settlement.Acked) > 0 {
		if _, err := tx.Exec(ctx, deleteAcked, settlement.Acked); err != nil {
			return err
		}
	}
	for _, held := range settlement.Held {
		if _, err := tx.Exec(ctx, holdOne, held.Error, held.Delay, held.Position); err != nil {
			return err
		}
	}
	for _, dead := range settlement.Dead {
		if _, err := tx.Exec(ctx, bury, dead.Position, dead.Error); err != nil {
			return err
		}
	}
	return nil
}

func bucketsOf(rows []row) []int {
	var seen [rules.Buckets]bool
	for _, each := range rows {
		seen[each.bucket] = true
	}
	var buckets []int
	for bucket, is := range seen {
		if is {
			buckets = append(buckets, bucket)
		}
	}
	return buckets
}

// recordsOf gives the records of messages as they go on the wire, and what ends their spans when the broker has answered.
func recordsOf(ctx context.Context, rows []row) ([]*kgo.Record, func([]*rules.Failure)) {
	records, spans := make([]*kgo.Record, len(rows)), make([]trace.Span, len(rows))
	for i, each := range rows {
		if tracing.IsSampled(each.headers) {
			span, hop := tracing.Send(ctx, each.topic, each.key, each.headers)
			spans[i] = span
			if hop != "" {
				each.headers[message.TraceParent] = hop
			}
		}
		records[i] = recordOf(each)
	}
	return records, func(failures []*rules.Failure) {
		for i, span := range spans {
			if span == nil {
				continue
			}
			if failures[i] != nil {
				telemetry.Failed(span, string(failures[i].Kind))
			}
			span.End()
		}
	}
}

func recordOf(r row) *kgo.Record {
	headers := make([]kgo.RecordHeader, 0, len(r.headers)+2)
	for name, value := range r.headers {
		headers = append(headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	headers = append(headers,
		kgo.RecordHeader{Key: message.Sequence, Value: fmt.Appendf(nil, "%020d", r.seq)},
		kgo.RecordHeader{Key: message.RecordedTime, Value: []byte(r.recorded)})
	return &kgo.Record{Topic: r.topic, Key: []byte(r.key), Value: r.payload, Headers: headers}
}
