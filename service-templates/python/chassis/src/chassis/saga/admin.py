"""What operators see and do: list and show sagas, and the four manual interventions.

Errors are `NotFound`, `Conflict` for a version that is not the saga's any more, and `OperationRefused` for an operation
that does not fit its status; the last two are a 409. The same operation on the same version by the same person is done
once, however often it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from chassis.domain import Conflict, NotFound
from chassis.saga import participation, store
from chassis.saga.instance import Operation, OperationName
from chassis.work import MessageContext, UnitOfWork

if TYPE_CHECKING:
    from chassis.database import Database
    from chassis.saga.engine import SagaEngine

MOST = 200
_LIST = """
SELECT saga_id, saga_type, mode, status, business_key, current_step, version, started_at, deadline_at, stuck_reason,
       finished_at
  FROM saga_instance
 WHERE (%(status)s::text IS NULL OR status = %(status)s) AND (%(type)s::text IS NULL OR saga_type = %(type)s)
   AND (%(after)s::uuid IS NULL OR saga_id < %(after)s)
 ORDER BY saga_id DESC LIMIT %(limit)s
"""
_NAMES = (
    "sagaId", "type", "mode", "status", "businessKey", "currentStep", "version", "startedAt", "deadlineAt",
    "stuckReason", "finishedAt",
)  # fmt: skip
_STEPS = """
SELECT seq, name, direction, kind, status, attempt, deadline_at, error, sent_at, ended_at FROM saga_step
 WHERE saga_id = %s ORDER BY seq, direction DESC
"""
_STEP_NAMES = (
    "seq", "name", "direction", "kind", "status", "attempt", "deadlineAt", "error", "sentAt", "endedAt",
)  # fmt: skip
_ACTIONS = "SELECT op, actor, reason, expected_version, at FROM saga_action WHERE saga_id = %s ORDER BY id"
_ACTION_NAMES = ("op", "actor", "reason", "expectedVersion", "at")
_DONE = """
SELECT 1 FROM saga_action WHERE saga_id = %s AND op = %s AND actor = %s AND expected_version = %s
"""
_RECORD = "INSERT INTO saga_action (saga_id, op, actor, reason, expected_version) VALUES (%s, %s, %s, %s, %s)"


class SagaAdmin:
    """Who may use it is decided by who offers it."""

    def __init__(self, engine: SagaEngine, database: Database) -> None:
        self._engine = engine
        self._database = database

    def list(
        self, *, status: str | None = None, saga_type: str | None = None, after: UUID | None = None, limit: int = 50
    ) -> dict[str, Any]:
        """Sagas, the youngest first. `next` is to be passed as `after`; `None` on the last page."""
        limit = max(1, min(limit, MOST))
        asked = {"status": status, "type": saga_type, "after": after, "limit": limit + 1}
        with self._database.connection() as connection:
            rows = connection.execute(_LIST, asked).fetchall()
        items = [_named(_NAMES, row) for row in rows[:limit]]
        return {"items": items, "next": items[-1]["sagaId"] if len(rows) > limit else None}

    def show(self, saga_id: UUID) -> dict[str, Any]:
        """One saga with its steps and what was done to it by hand."""
        with self._database.work(MessageContext()) as work:
            return self._shown(work, saga_id)

    def operate(
        self,
        saga_id: UUID,
        op: OperationName,
        *,
        actor: str,
        reason: str,
        expected_version: int,
        force: bool = False,
    ) -> dict[str, Any]:
        """`retry`, `skip`, `compensate` or `abort`; gives the saga as it then is."""
        with self._database.work(MessageContext(caller=actor)) as work:
            stored = self._locked(work, saga_id)
            if work.connection.execute(_DONE, (saga_id, op, actor, expected_version)).fetchone():
                return self._shown(work, saga_id)
            if stored.version != expected_version:
                raise Conflict(f"the saga has version {stored.version}, not {expected_version}")
            given = Operation(name=op, force=force)
            if stored.mode == "choreography":
                self._engine.monitor.operate(work, stored, given)
            else:
                self._engine.conductor.operate(work, stored, given)
            work.connection.execute(_RECORD, (saga_id, op, actor, reason, expected_version))
            return self._shown(work, saga_id)

    def _locked(self, work: UnitOfWork, saga_id: UUID) -> store.Stored:
        plain = store.load(work, saga_id, lock=False)
        if plain is None:
            raise NotFound("saga", saga_id)
        if plain.mode == "choreography":
            participation.lock(work, saga_id, plain.saga_type, plain.definition)
        stored = store.load(work, saga_id)
        assert stored is not None  # sagas are never deleted while they live
        return stored

    def _shown(self, work: UnitOfWork, saga_id: UUID) -> dict[str, Any]:
        stored = store.load(work, saga_id, lock=False)
        if stored is None:
            raise NotFound("saga", saga_id)
        state = stored.state
        row = (
            state.saga_id, stored.saga_type, stored.mode, state.status, stored.business_key, state.current_step,
            stored.version, state.started_at, state.deadline_at, state.stuck_reason or None, state.finished_at,
        )  # fmt: skip
        query = work.connection.execute
        return {
            **_named(_NAMES, row),
            "definitionVersion": stored.definition,
            "pivotPassed": state.pivot_passed,
            "correlationId": stored.correlation_id,
            "steps": [_named(_STEP_NAMES, step) for step in query(_STEPS, (saga_id,)).fetchall()],
            "actions": [_named(_ACTION_NAMES, action) for action in query(_ACTIONS, (saga_id,)).fetchall()],
        }


def _named(names: tuple[str, ...], row: tuple[Any, ...]) -> dict[str, Any]:
    """JSON-able, by name."""
    return {name: _plain(value) for name, value in zip(names, row, strict=True)}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
