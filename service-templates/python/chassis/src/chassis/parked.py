"""Records that wait in the inbox, with the later ones of their key: where they are kept, and what operators may do.

Of each key only the first record is ever due; the others wait with `next_at = infinity` until it has gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg.types.json import Jsonb

from chassis.dispatch import Record
from chassis.inbox_rules import Verdict
from chassis.records import stored_headers, stored_record
from chassis.work import Connection

# Writers and drainers of a key meet at the lock of its cursor's row, so the row must exist.
_ENSURE_CURSOR = """
INSERT INTO inbox_cursor (handler, ce_source, topic, msg_key, last_seq) VALUES (%s, %s, %s, %s, 0)
ON CONFLICT DO NOTHING
"""
_LOCK_CURSOR = """
SELECT FROM inbox_cursor WHERE handler = %s AND ce_source = %s AND topic = %s AND msg_key = %s FOR UPDATE
"""
_OF_KEY = "handler = %(handler)s AND topic = %(topic)s AND msg_key = %(key)s AND headers->>'ce_source' = %(source)s"
_PARK = f"""
INSERT INTO inbox_parked (handler, topic, part, off, msg_key, key_seq, headers, payload, written_at, reason, attempts,
                          last_error, next_at)
SELECT %(handler)s, %(topic)s, %(part)s, %(off)s, %(key)s, %(seq)s, %(headers)s, %(payload)s, %(written)s, %(reason)s,
       %(attempts)s, %(error)s,
       CASE WHEN %(reason)s = 'behind_parked' AND EXISTS (SELECT FROM inbox_parked WHERE {_OF_KEY})
            THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => %(delay)s::float8 / 1000) END
ON CONFLICT (handler, topic, part, off) DO NOTHING
"""
_DUE = """
SELECT id FROM inbox_parked WHERE handler = %s AND next_at <= clock_timestamp() ORDER BY next_at, id LIMIT %s
"""
_COLUMNS = """
SELECT id, topic, part, off, msg_key, headers, payload, reason, attempts, last_error,
       to_char(parked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       extract(epoch FROM clock_timestamp() - parked_at)::float8, written_at
  FROM inbox_parked
"""
_TAKE = _COLUMNS + "WHERE id = %s AND next_at <= clock_timestamp() FOR UPDATE SKIP LOCKED"
_REMOVE = "DELETE FROM inbox_parked WHERE id = %s"
_PROMOTE = f"""
UPDATE inbox_parked SET next_at = clock_timestamp()
 WHERE id = (SELECT id FROM inbox_parked WHERE {_OF_KEY} ORDER BY coalesce(key_seq, 0), id LIMIT 1)
   AND next_at > clock_timestamp() AND (reason = 'behind_parked' OR (reason = 'gap' AND key_seq <= %(seq)s + 1))
"""
_POSTPONE = """
UPDATE inbox_parked SET attempts = %s, last_error = %s, reason = %s,
       next_at = clock_timestamp() + make_interval(secs => %s::float8 / 1000)
 WHERE id = %s
"""
_GIVE_UP = "UPDATE inbox_parked SET next_at = 'infinity' WHERE id = %s"
_FIRST = """
SELECT DISTINCT ON (topic, headers->>'ce_source') id FROM inbox_parked WHERE handler = %s AND msg_key = %s
 ORDER BY topic, headers->>'ce_source', coalesce(key_seq, 0), id
"""
_RETRY = f"""
UPDATE inbox_parked SET attempts = 0, next_at = clock_timestamp(), version = version + 1
 WHERE handler = %s AND msg_key = %s AND id IN ({_FIRST})
"""
_VERSION = f"""
SELECT string_agg(id || '-' || version, '.' ORDER BY id) FROM inbox_parked WHERE id IN ({_FIRST})
"""
# One that is being tried, or waits behind others, needs no help.
_REARM = """
UPDATE inbox_parked SET attempts = 0, next_at = clock_timestamp(), version = version + 1, headers = %s
 WHERE handler = %s AND topic = %s AND part = %s AND off = %s AND next_at = 'infinity' AND reason <> 'behind_parked'
"""
_IS_PARKED = "SELECT FROM inbox_parked WHERE handler = %s AND topic = %s AND part = %s AND off = %s"
_AT = _COLUMNS + "WHERE handler = %s AND topic = %s AND part = %s AND off = %s FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked record. `error` begins with the reason and the class of the last failure."""

    id: int
    record: Record
    reason: str
    attempts: int
    error: str
    parked_at: str
    age: float


class ParkedRecords:
    """The parked records of one handler. Every method works inside the transaction of the connection it is given."""

    def __init__(self, handler: str) -> None:
        self.handler = handler

    def park(
        self, connection: Connection, record: Record, reason: Verdict | str, *, attempts: int, error: str, delay: int
    ) -> None:
        """Let a record wait for so many milliseconds, or behind those of its key that wait already."""
        place = (self.handler, record.ce_source, record.topic, record.key)
        connection.execute(_ENSURE_CURSOR, place)
        connection.execute(_LOCK_CURSOR, place)
        values: dict[str, Any] = {
            **self._of_key(record),
            "part": record.partition,
            "off": record.offset,
            "seq": record.sequence,
            "headers": Jsonb(stored_headers(record)),
            "payload": record.payload,
            "written": record.timestamp,
            "reason": str(reason),
            "attempts": attempts,
            "error": error,
            "delay": delay,
        }
        connection.execute(_PARK.encode(), values)

    def due(self, connection: Connection, limit: int = 50) -> Sequence[int]:
        """The ids of records to be tried now."""
        return [row[0] for row in connection.execute(_DUE, (self.handler, limit)).fetchall()]

    def take(self, connection: Connection, parked_id: int) -> Parked | None:
        """A due record, locked; `None` when somebody else has it or it is not due any more."""
        row = connection.execute(_TAKE.encode(), (parked_id,)).fetchone()
        return None if row is None else _parked(row)

    def at(self, connection: Connection, topic: str, partition: int, offset: int) -> Parked | None:
        """The parked record that lay there, due or not, locked."""
        row = connection.execute(_AT.encode(), (self.handler, topic, partition, offset)).fetchone()
        return None if row is None else _parked(row)

    def remove(self, connection: Connection, parked: Parked) -> None:
        """The record has been dealt with: the next one of its key is due."""
        connection.execute(_REMOVE, (parked.id,))
        self.promote(connection, parked.record)

    def promote(self, connection: Connection, record: Record) -> None:
        """This record of the key has been dealt with: is the first one that waits due now?

        One that failed keeps its own time, and one whose predecessor is missing is due when that was this record.
        """
        connection.execute(_PROMOTE.encode(), {**self._of_key(record), "seq": record.sequence})

    def postpone(
        self, connection: Connection, parked: Parked, reason: str, *, attempts: int, error: str, delay: int
    ) -> None:
        """Try again in so many milliseconds."""
        connection.execute(_POSTPONE, (attempts, error, reason, delay, parked.id))

    def give_up(self, connection: Connection, parked: Parked) -> None:
        """Try no more: the record stays and holds its key until an operator decides."""
        connection.execute(_GIVE_UP, (parked.id,))

    def retry(self, connection: Connection, key: str) -> int:
        """An operator's wish: try the first record of the key again now, with all its attempts."""
        return connection.execute(_RETRY.encode(), (self.handler, key) * 2).rowcount

    def version(self, connection: Connection, key: str) -> str:
        """Says which records are the first of the key, and how often operators have intervened; empty for none."""
        row = connection.execute(_VERSION.encode(), (self.handler, key)).fetchone()
        return (row[0] if row else None) or ""

    def rearm(self, connection: Connection, record: Record) -> bool | None:
        """A record that was given up and stays comes back: try it again. `None` when it is not parked at all."""
        place = (self.handler, record.topic, record.partition, record.offset)
        if connection.execute(_REARM, (Jsonb(stored_headers(record)), *place)).rowcount:
            return True
        return None if connection.execute(_IS_PARKED, place).fetchone() is None else False

    def _of_key(self, record: Record) -> dict[str, Any]:
        return {"handler": self.handler, "topic": record.topic, "key": record.key, "source": record.ce_source}


def _parked(row: tuple[Any, ...]) -> Parked:
    record = replace(stored_record(row[1:4], *row[4:7]), timestamp=row[12])
    return Parked(row[0], record, row[7], row[8], row[9] or "", row[10], row[11])
