package httpapi

import (
	"context"
	"encoding/json"

	"chassis/database"
)

// What an operator sees of the tables of the chassis, as JSON that the database makes. At most so many rows.
const viewMost = "200"

var views = map[string]string{
	"outbox": `
SELECT ce_id AS id, 'pending' AS status, topic, msg_key AS key, key_seq AS sequence, ce_type AS type, position,
       created_at AS "createdAt", attempts, last_error AS "lastError", not_before AS "notBefore"
  FROM outbox
UNION ALL
SELECT ce_id, 'dead', topic, msg_key, key_seq, ce_type, position, created_at, attempts, last_error, not_before
  FROM outbox_dead
 ORDER BY status, position`,
	"inbox": `
SELECT handler, count(*) AS processed, max(processed_at) AS "lastProcessedAt"
  FROM inbox GROUP BY handler ORDER BY handler`,
	"parked": `
SELECT handler, topic, msg_key AS key, count(*) AS records, min(parked_at) AS since,
       nullif(min(next_at), 'infinity') AS "nextAt", (array_agg(reason ORDER BY id))[1] AS reason,
       (array_agg(attempts ORDER BY id))[1] AS attempts, (array_agg(last_error ORDER BY id))[1] AS "lastError",
       (array_agg(headers->>'ce_type' ORDER BY id))[1] AS type
  FROM inbox_parked GROUP BY handler, topic, msg_key ORDER BY since`,
	"projections": `
SELECT name, generation, building, wanted_at AS "wantedAt", wanted_by AS "wantedBy", built_at AS "builtAt",
       read AS "eventsRead", carried AS "rowsCarried", last_error AS "lastError",
       CASE WHEN built_at IS NOT NULL THEN projection_as_of(topics) END AS "asOf"
  FROM projection ORDER BY name`,
	"leases": `
SELECT name, owner, token, nullif(expires_at, '-infinity') AS "expiresAt", expires_at > clock_timestamp() AS held
  FROM lease ORDER BY name`,
	"actions": "SELECT op, target, version, actor, reason, result, at FROM admin_action ORDER BY id DESC",
}

const (
	asRows = "SELECT coalesce(json_agg(shown), '[]') FROM (SELECT * FROM (%s) AS viewed LIMIT " + viewMost + ") AS shown"
	counts = `
SELECT json_build_object(
  'outboxPending', (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS few),
  'outboxDead', (SELECT count(*) FROM outbox_dead),
  'parkedRecords', (SELECT count(*) FROM inbox_parked),
  'heldKeys', (SELECT count(DISTINCT (topic, msg_key)) FROM inbox_parked
                WHERE next_at = 'infinity' AND reason <> 'behind_parked'),
  'sagas', (SELECT coalesce(json_object_agg(status, n), '{}') FROM (
     SELECT status, count(*) AS n FROM saga_instance WHERE status IN ('running', 'compensating', 'stuck') GROUP BY status) AS live))`
	messageFields = `
ce_id AS id, topic, msg_key AS key, key_seq AS sequence, ce_type AS type, created_at AS "createdAt", attempts,
last_error AS "lastError", not_before AS "notBefore", headers`
	oneMessage = `
SELECT row_to_json(found), payload FROM (
  SELECT 'pending' AS status, NULL AS version, ` + messageFields + ` FROM outbox WHERE ce_id = $1
  UNION ALL
  SELECT 'dead', (extract(epoch FROM died_at) * 1000000)::bigint::text, ` + messageFields + ` FROM outbox_dead
   WHERE ce_id = $1 LIMIT 1) AS found
 JOIN (SELECT payload FROM outbox WHERE ce_id = $1 UNION ALL SELECT payload FROM outbox_dead WHERE ce_id = $1 LIMIT 1)
   AS content ON true`
	parkedOfKey = `
SELECT row_to_json(found), payload FROM (
  SELECT id, topic, part AS partition, off AS offset, key_seq AS sequence, headers->>'ce_type' AS type, reason, attempts,
         nullif(next_at, 'infinity') AS "nextAt", next_at = 'infinity' AS held, last_error AS "lastError",
         parked_at AS "parkedAt", headers
    FROM inbox_parked WHERE handler = $1 AND msg_key = $2) AS found
  JOIN (SELECT id, payload, headers->>'ce_source' AS source FROM inbox_parked) AS content USING (id)
 ORDER BY found.topic, source, coalesce(sequence, 0), id LIMIT ` + viewMost
)

func rowsOf(ctx context.Context, on database.Querier, query string, parameters ...any) (json.RawMessage, error) {
	var rows json.RawMessage
	err := on.QueryRow(ctx, query, parameters...).Scan(&rows)
	return rows, err
}
