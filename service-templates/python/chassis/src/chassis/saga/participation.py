"""What a service keeps of the sagas it takes part in: the table `saga_participant`, and the barrier in the inbox.

The row is the lock of all that the service does for a saga: whoever acts for it holds the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from chassis import faults
from chassis.inbox_store import KEPT_DAYS
from chassis.work import Connection, UnitOfWork

BARRIER = "saga-barrier"
"""The inbox's handler name under which barrier keys are kept."""

_CREATE = """
INSERT INTO saga_participant (saga_id, saga_type, definition_version, correlation_id, trace)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (saga_id) DO NOTHING
"""
_COLUMNS = "saga_id, saga_type, data, correlation_id, trace, attempts, definition_version"
_LOCK = f"SELECT {_COLUMNS} FROM saga_participant WHERE saga_id = %s FOR UPDATE"
_LOCK_DUE = f"""
SELECT {_COLUMNS} FROM saga_participant WHERE saga_id = %s AND due_at <= clock_timestamp() FOR UPDATE SKIP LOCKED
"""
_SAVE = """
UPDATE saga_participant SET data = %s, attempts = 0, last_error = NULL, updated_at = clock_timestamp(),
       due_at = CASE WHEN %s THEN clock_timestamp() END
 WHERE saga_id = %s
"""
_POSTPONE = """
UPDATE saga_participant SET data = %s, attempts = attempts + 1, last_error = %s, updated_at = clock_timestamp(),
       due_at = clock_timestamp() + make_interval(secs => least(%s * power(2, least(attempts, 16)), %s))
 WHERE saga_id = %s
"""
POSTPONE_BASE, POSTPONE_CAP = 1.0, 300.0
_SWEEP = """
DELETE FROM saga_participant WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM saga_participant WHERE updated_at < now() - make_interval(days => %s) AND due_at IS NULL LIMIT %s))
"""
SWEEP_BATCH = 5000
_TAKE = "INSERT INTO inbox (handler, ce_source, ce_id) VALUES (%s, '', %s) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """A locked row."""

    saga_id: UUID
    saga_type: str
    correlation_id: str
    trace: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    version: int = 0  # of the saga's definition


def lock(work: UnitOfWork, saga_id: UUID, saga_type: str, version: int = 0) -> Participation:
    """The row of the saga, made if there is none yet, locked until the end of the transaction."""
    given = (saga_id, saga_type, version, work.context.correlation_id, work.context.traceparent)
    work.connection.execute(_CREATE, given)
    row = work.connection.execute(_LOCK, (saga_id,)).fetchone()
    assert row is not None  # made above
    return _participation(row)


def lock_due(work: UnitOfWork, saga_id: UUID) -> Participation | None:
    """The row if it is still due and nobody else has taken it."""
    row = work.connection.execute(_LOCK_DUE, (saga_id,)).fetchone()
    return None if row is None else _participation(row)


def save(work: UnitOfWork, saga_id: UUID, data: Mapping[str, Any], *, due: bool = False) -> None:
    """Keep what is known now; `due` when there is more to do."""
    work.connection.execute(_SAVE, (Jsonb(dict(data)), due, saga_id))


def postpone(work: UnitOfWork, saga_id: UUID, data: Mapping[str, Any], error: Exception) -> None:
    """Keep what is known now; what is to be done failed, and is tried again later and later."""
    text = f"{type(error).__name__}: {error}".replace("\x00", "")[:2000]
    work.connection.execute(_POSTPONE, (Jsonb(dict(data)), text, POSTPONE_BASE, POSTPONE_CAP, saga_id))


def sweep(connection: Connection) -> int:
    """Delete one batch of rows that nothing has touched for long; how many went."""
    return connection.execute(_SWEEP, (KEPT_DAYS, SWEEP_BATCH)).rowcount


def barrier_key(saga_id: UUID, step: str, direction: str, part: int = 1) -> str:
    """`saga:<id>:<step>:forward`, and the number of the part behind it where there are several."""
    key = f"saga:{saga_id}:{step}:{direction}"
    return key if part <= 1 else f"{key}:{part}"


def take(work: UnitOfWork, saga_id: UUID, step: str, direction: str, part: int = 1) -> bool:
    """Pass the barrier; false when somebody has before."""
    key = barrier_key(saga_id, step, direction, part)
    passed = work.connection.execute(_TAKE, (BARRIER, key)).rowcount == 1
    faults.point("barrier.after_insert", step)
    return passed


def _participation(row: tuple[Any, ...]) -> Participation:
    return Participation(
        saga_id=row[0],
        saga_type=row[1],
        data=row[2],
        correlation_id=row[3],
        trace=row[4],
        attempts=row[5],
        version=row[6],
    )
