"""What an operator sees of the tables of the chassis: plain data for the admin interface."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg.rows import dict_row

from chassis.work import Connection

MOST = 200

VIEWS: dict[str, LiteralString] = {
    "outbox": """
SELECT ce_id AS id, 'pending' AS status, topic, msg_key AS key, key_seq AS sequence, ce_type AS type, position,
       created_at AS "createdAt", attempts, last_error AS "lastError", not_before AS "notBefore"
  FROM outbox
UNION ALL
SELECT ce_id, 'dead', topic, msg_key, key_seq, ce_type, position, created_at, attempts, last_error, not_before
  FROM outbox_dead
 ORDER BY status, position LIMIT %(most)s""",
    "inbox": """
SELECT handler, count(*) AS processed, max(processed_at) AS "lastProcessedAt"
  FROM inbox GROUP BY handler ORDER BY handler LIMIT %(most)s""",
    "parked": """
SELECT handler, topic, msg_key AS key, count(*) AS records, min(parked_at) AS since,
       nullif(min(next_at), 'infinity') AS "nextAt", (array_agg(reason ORDER BY id))[1] AS reason,
       (array_agg(attempts ORDER BY id))[1] AS attempts, (array_agg(last_error ORDER BY id))[1] AS "lastError",
       (array_agg(headers->>'ce_type' ORDER BY id))[1] AS type
  FROM inbox_parked GROUP BY handler, topic, msg_key ORDER BY since LIMIT %(most)s""",
    "leases": """
SELECT name, owner, token, nullif(expires_at, '-infinity') AS "expiresAt", expires_at > clock_timestamp() AS held
  FROM lease ORDER BY name LIMIT %(most)s""",
}


def view(connection: Connection, name: str) -> list[dict[str, Any]]:
    """The rows of one of `VIEWS`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(VIEWS[name], {"most": MOST}).fetchall()
