package database

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/message"
	"chassis/rules"
)

// The function is volatile, so it is called after the sort: in the order of the list.
const appendMany = `
SELECT outbox_append(m.topic, m.key, m.bucket, m.id, m.type, m.headers, m.payload)
  FROM unnest($1::text[], $2::text[], $3::smallint[], $4::uuid[], $5::text[], $6::jsonb[], $7::bytea[])
       WITH ORDINALITY AS m (topic, key, bucket, id, type, headers, payload, n)
 ORDER BY m.n`

// appendAll writes messages into the outbox, in the order given, in one round trip.
func appendAll(ctx context.Context, tx pgx.Tx, messages []message.Envelope) error {
	if len(messages) == 0 {
		return nil
	}
	count := len(messages)
	topics, keys, types := make([]string, count), make([]string, count), make([]string, count)
	buckets, ids := make([]int16, count), make([]uuid.UUID, count)
	headers, payloads := make([]map[string]string, count), make([][]byte, count)
	for i, m := range messages {
		topics[i], keys[i], types[i] = m.Topic, m.Key, m.Type
		buckets[i], ids[i] = int16(rules.Bucket(m.Key)), m.ID
		headers[i], payloads[i] = m.Headers, m.Payload
	}
	_, err := tx.Exec(ctx, appendMany, topics, keys, buckets, ids, types, headers, payloads)
	return err
}
