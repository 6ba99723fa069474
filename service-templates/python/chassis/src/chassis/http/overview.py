"""What an operator sees of the tables of the chassis: plain data for the admin interface."""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

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
    "projections": """
SELECT name, generation, building, wanted_at AS "wantedAt", wanted_by AS "wantedBy", built_at AS "builtAt",
       read AS "eventsRead", carried AS "rowsCarried", last_error AS "lastError",
       CASE WHEN built_at IS NOT NULL THEN projection_as_of(topics) END AS "asOf"
  FROM projection ORDER BY name LIMIT %(most)s""",
    "leases": """
SELECT name, owner, token, nullif(expires_at, '-infinity') AS "expiresAt", expires_at > clock_timestamp() AS held
  FROM lease ORDER BY name LIMIT %(most)s""",
}

_FIELDS: LiteralString = """
ce_id AS id, topic, msg_key AS key, key_seq AS sequence, ce_type AS type, created_at AS "createdAt", attempts,
last_error AS "lastError", not_before AS "notBefore", headers, payload
"""
_MESSAGE: LiteralString = f"""
SELECT 'pending' AS status, {_FIELDS} FROM outbox WHERE ce_id = %(id)s
UNION ALL SELECT 'dead', {_FIELDS} FROM outbox_dead WHERE ce_id = %(id)s LIMIT 1
"""
_PARKED = """
SELECT id, topic, part AS partition, off AS offset, key_seq AS sequence, headers->>'ce_type' AS type, reason, attempts,
       nullif(next_at, 'infinity') AS "nextAt", next_at = 'infinity' AS held, last_error AS "lastError",
       parked_at AS "parkedAt", headers, payload
  FROM inbox_parked WHERE handler = %s AND msg_key = %s
 ORDER BY topic, headers->>'ce_source', coalesce(key_seq, 0), id LIMIT %s
"""
_COUNTS = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000) AS few) AS "outboxPending",
       (SELECT count(*) FROM outbox_dead) AS "outboxDead",
       (SELECT count(*) FROM inbox_parked) AS "parkedRecords",
       (SELECT count(DISTINCT (topic, msg_key)) FROM inbox_parked
         WHERE next_at = 'infinity' AND reason <> 'behind_parked') AS "heldKeys"
"""
_SAGAS = """
SELECT status, count(*) AS n FROM saga_instance WHERE status IN ('running', 'compensating', 'stuck') GROUP BY status
"""


def view(connection: Connection, name: str) -> list[dict[str, Any]]:
    """The rows of one of `VIEWS`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(VIEWS[name], {"most": MOST}).fetchall()


def message(connection: Connection, ce_id: UUID) -> dict[str, Any] | None:
    """One message of the outbox, with its payload as it is."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_MESSAGE, {"id": ce_id}).fetchone()


def parked_of(connection: Connection, handler: str, key: str) -> list[dict[str, Any]]:
    """The parked records of a key, with their payloads as they are."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_PARKED, (handler, key, MOST)).fetchall()


def counts(connection: Connection) -> dict[str, Any]:
    """How much waits where."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(_COUNTS).fetchone() or {}
        sagas = {row["status"]: row["n"] for row in cursor.execute(_SAGAS).fetchall()}
    return {**found, "sagas": sagas}
