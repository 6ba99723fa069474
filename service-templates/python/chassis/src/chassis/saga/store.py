"""Sagas in the tables `saga_instance` and `saga_step`. The owner's alone; the row is locked while it changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from chassis.database import server_time
from chassis.inbox_store import KEPT_DAYS
from chassis.saga.flow import Flow
from chassis.saga.instance import Direction, Part, Run, SagaState
from chassis.work import Connection, UnitOfWork

_COLUMNS = """
saga_id, saga_type, mode, business_key, correlation_id, trace, version, status, current_step, pivot_passed, data,
started_at, deadline_at, next_timer_at, stuck_reason, finished_at, definition_version
"""
_SELECT = f"SELECT {_COLUMNS} FROM saga_instance WHERE saga_id = %s"
_INSERT = """
INSERT INTO saga_instance (saga_id, saga_type, definition_version, business_key, mode, status, current_step,
  pivot_passed, data, correlation_id, trace, started_at, deadline_at, next_timer_at, finished_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (saga_type, business_key) WHERE status IN ('running', 'compensating', 'stuck') DO NOTHING
"""
_LIVE = """
SELECT saga_id FROM saga_instance
 WHERE saga_type = %s AND business_key = %s AND status IN ('running', 'compensating', 'stuck')
"""
_UPDATE = """
UPDATE saga_instance SET status = %s, current_step = %s, pivot_passed = %s, data = %s, deadline_at = %s,
  next_timer_at = %s, stuck_reason = %s, finished_at = %s, version = version + 1, updated_at = clock_timestamp()
WHERE saga_id = %s AND version = %s
"""
_PUT_STEP = """
INSERT INTO saga_step (saga_id, seq, name, direction, kind, status, command_id, attempt, deadline_at, reply, error,
  sent_at, ended_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (saga_id, seq, direction) DO UPDATE SET status = excluded.status, command_id = excluded.command_id,
  attempt = excluded.attempt, deadline_at = excluded.deadline_at, reply = excluded.reply, error = excluded.error,
  sent_at = excluded.sent_at, ended_at = excluded.ended_at
"""
_STEPS = """
SELECT seq, direction, status, attempt, deadline_at, reply, error, sent_at, ended_at, command_id FROM saga_step
 WHERE saga_id = %s
"""
_FORGOTTEN = """
SELECT saga_id FROM saga_instance
 WHERE finished_at < now() - make_interval(days => %s) ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_FORGET = (
    "DELETE FROM saga_lock WHERE saga_id = ANY(%s)",
    "DELETE FROM saga_step WHERE saga_id = ANY(%s)",
    "DELETE FROM saga_instance WHERE saga_id = ANY(%s)",
)
SWEEP_BATCH = 1000
_UNLOCK = "DELETE FROM saga_lock WHERE saga_id = %s"


class StaleSaga(Exception):
    """The saga changed since it was read; the transaction has to begin afresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A saga with what the cores need not know."""

    state: SagaState
    saga_type: str
    mode: str
    business_key: str
    correlation_id: str
    trace: str | None
    version: int
    definition: int  # the version of its definition


def now(work: UnitOfWork) -> datetime:
    """The time of the database: the only clock that sagas know."""
    return server_time(work.connection)


def create(work: UnitOfWork, flow: Flow, state: SagaState, business_key: str) -> UUID | None:
    """Write a new saga. When one with the same key lives already, nothing is written and its id is returned."""
    context = work.context
    values = (
        state.saga_id, flow.name, flow.saga.version, business_key, flow.saga.mode, state.status, state.current_step,
        state.pivot_passed, Jsonb(dict(state.data)), context.correlation_id, context.traceparent, state.started_at,
        state.deadline_at, state.next_timer_at, state.finished_at,
    )  # fmt: skip
    if work.connection.execute(_INSERT, values).rowcount == 0:
        row = work.connection.execute(_LIVE, (flow.name, business_key)).fetchone()
        if row is None:
            raise StaleSaga(f"{flow.name} {business_key} ended this moment")
        live: UUID = row[0]
        return live
    _put_steps(work, flow, None, state)
    return None


def load(work: UnitOfWork, saga_id: UUID, *, due: bool = False, lock: bool = True) -> Stored | None:
    """The saga, locked; with `due` only if its timer has passed and nobody else is at it."""
    locking = "" if not lock else " FOR UPDATE"
    if due:
        locking = " AND next_timer_at <= clock_timestamp() FOR UPDATE SKIP LOCKED"
    row = work.connection.execute(_SELECT + locking, (saga_id,)).fetchone()
    return None if row is None else _stored(row, work)


def save(work: UnitOfWork, flow: Flow, stored: Stored, state: SagaState) -> None:
    """Write the next state over the one that was loaded."""
    values = (
        state.status, state.current_step, state.pivot_passed, Jsonb(dict(state.data)), state.deadline_at,
        state.next_timer_at, state.stuck_reason or None, state.finished_at, state.saga_id, stored.version,
    )  # fmt: skip
    if work.connection.execute(_UPDATE, values).rowcount == 0:
        raise StaleSaga(str(state.saga_id))
    _put_steps(work, flow, stored.state, state)
    if state.finished_at is not None:
        work.connection.execute(_UNLOCK, (state.saga_id,))


def sweep(connection: Connection) -> int:
    """Delete one batch of sagas that ended long ago, with their steps; how many went."""
    ids = [row[0] for row in connection.execute(_FORGOTTEN, (KEPT_DAYS, SWEEP_BATCH)).fetchall()]
    for statement in _FORGET if ids else ():
        connection.execute(statement, (ids,))
    return len(ids)


def _put_steps(work: UnitOfWork, flow: Flow, before: SagaState | None, after: SagaState) -> None:
    for key, run in sorted(after.runs.items()):
        if before is None or before.runs.get(key) != run:
            work.connection.execute(_PUT_STEP, _step_row(flow, after.saga_id, run))


def _step_row(flow: Flow, saga_id: UUID, run: Run) -> tuple[Any, ...]:
    step = flow.step(run.seq)
    over = run.ended_at is not None
    reply = {
        "parts": [
            {
                "command": str(part.command_id),
                "status": part.status,
                "event": part.event,
                "error": part.error,
                **({} if over or part.payload is None else {"payload": part.payload}),  # the saga's data has it
            }
            for part in run.parts
        ],
        **({"due": run.due_at.isoformat()} if run.due_at else {}),
    }
    name = step.name if run.direction == "forward" else step.undo
    first = run.parts[0].command_id if run.parts else saga_id  # nothing to fan out over
    return (
        saga_id, run.seq, name, run.direction, step.kind, run.status, first, run.attempt, run.deadline_at,
        Jsonb(reply), run.error or None, run.sent_at, run.ended_at,
    )  # fmt: skip


def _stored(row: tuple[Any, ...], work: UnitOfWork) -> Stored:
    rows = work.connection.execute(_STEPS, (row[0],)).fetchall()
    runs = {(run.seq, run.direction): run for run in map(_run, rows)}
    state = SagaState(
        saga_id=row[0],
        status=row[7],
        current_step=row[8],
        pivot_passed=row[9],
        data=row[10],
        runs=runs,
        started_at=row[11],
        deadline_at=row[12],
        next_timer_at=row[13],
        stuck_reason=row[14] or "",
        finished_at=row[15],
    )
    return Stored(
        state=state,
        saga_type=row[1],
        mode=row[2],
        business_key=row[3],
        correlation_id=row[4],
        trace=row[5],
        version=row[6],
        definition=row[16],
    )


def _run(row: tuple[Any, ...]) -> Run:
    reply = row[5] or {}
    direction: Direction = row[1]
    parts = tuple(
        Part(
            command_id=UUID(part["command"]),
            status=part["status"],
            event=part["event"],
            payload=part.get("payload"),
            error=part["error"],
        )
        for part in reply.get("parts", ())
    )
    return Run(
        seq=row[0],
        direction=direction,
        status=row[2],
        attempt=row[3],
        deadline_at=row[4],
        due_at=datetime.fromisoformat(reply["due"]) if "due" in reply else None,
        parts=parts,
        error=row[6] or "",
        sent_at=row[7],
        ended_at=row[8],
    )
