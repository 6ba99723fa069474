"""What operators do, on the tables of the chassis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import UUID

from psycopg.types.json import Jsonb

from chassis.dispatch import GAP_TYPE, Record
from chassis.domain import Conflict, NotFound
from chassis.http import actions, overview
from chassis.http.problem import Problem
from chassis.identity import uuid7
from chassis.saga import OperationRefused

if TYPE_CHECKING:
    from chassis.database import Database
    from chassis.http.orders import Order, Redrive
    from chassis.inbox import Inbox
    from chassis.redrive_rules import Letter, State
    from chassis.saga import SagaAdmin
    from chassis.saga.instance import OperationName
    from chassis.work import Connection, UnitOfWork

_VERSION_DEAD = "SELECT (extract(epoch FROM died_at) * 1000000)::bigint::text FROM outbox_dead WHERE ce_id = %s"
_TAKE_DEAD = """
DELETE FROM outbox_dead WHERE ce_id = %s RETURNING position, bucket, topic, msg_key, key_seq, ce_type, headers, payload
"""
# At its old position: it is the first of its key, and those behind it have been waiting for it.
_PUT_BACK = """
INSERT INTO outbox (position, bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload)
OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_WANT_REBUILT = "UPDATE projection SET wanted_at = clock_timestamp(), wanted_by = %s WHERE name = %s"
_FIRST_DUE = """
SELECT id FROM inbox_parked WHERE handler = %s AND msg_key = %s AND next_at <= clock_timestamp()
"""


class Letters(Protocol):
    """The desk for dead letters: `chassis.desk.DeadLetterDesk`."""

    def overview(self) -> list[dict[str, Any]]:
        """The topics that have dead letters."""

    def letters(self, topic: str, state: State | None = None) -> list[dict[str, Any]]:
        """The letters of a topic."""

    def letter(self, topic: str, partition: int, offset: int) -> tuple[Letter, State] | None:
        """One letter with its state."""

    def redrive(self, topic: str, wanted: Redrive, order: Order) -> dict[str, Any]:
        """Send letters again."""

    def discard(self, topic: str, wanted: Redrive, order: Order) -> dict[str, Any]:
        """Settle letters without sending them."""


class SqlOperations:
    """The operations of one service."""

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        sagas: SagaAdmin,
        letters: Letters,
        source: str,
        *,
        read: Callable[[Record], Any] = lambda record: None,
        running: Callable[[], dict[str, Any]] = dict,
        rebuild: Callable[[], None] = lambda: None,
    ) -> None:
        """`read` shows a payload fit for operators; `running` tells of the process and its threads; `rebuild` is called
        when a projection is to be built anew.
        """
        self._database, self._inbox, self._sagas, self._letters = database, inbox, sagas, letters
        self._source, self._read, self._running, self._rebuild = source, read, running, rebuild

    def status(self) -> dict[str, Any]:
        """The process, and how much waits in the tables."""
        with self._database.connection() as connection:
            return {**self._running(), **overview.counts(connection)}

    def view(self, name: str) -> list[dict[str, Any]]:
        """See `chassis.http.overview`."""
        with self._database.connection() as connection:
            return actions.actions(connection) if name == "actions" else overview.view(connection, name)

    # -- sagas

    def list_sagas(self, status: str | None, saga_type: str | None, after: UUID | None) -> dict[str, Any]:
        """The newest sagas first."""
        return self._sagas.list(status=status, saga_type=saga_type, after=after)

    def show_saga(self, saga_id: UUID) -> dict[str, Any]:
        """One saga."""
        return self._sagas.show(saga_id)

    def operate_saga(self, saga_id: UUID, op: str, order: Order) -> dict[str, Any]:
        """Intervene."""
        try:
            return self._sagas.operate(
                saga_id,
                cast("OperationName", op),
                actor=order.actor,
                reason=order.reason,
                expected_version=order.number,
                force=order.force,
            )
        except OperationRefused as refusal:
            raise Problem(409, "operation-refused", "The saga does not allow this", str(refusal)) from refusal
        except Conflict as stale:
            raise Problem(409, "version-stale", "The saga has changed", str(stale)) from stale

    # -- outbox

    def show_outbox(self, ce_id: UUID) -> dict[str, Any]:
        """One message; only a dead one has a version."""
        with self._database.connection() as connection:
            row = overview.message(connection, ce_id)
            if row is None:
                raise NotFound("message in the outbox", ce_id)
            if row["status"] == "dead":
                row["version"] = self._dead_version(connection, ce_id)
        payload, headers = row.pop("payload"), row["headers"]
        return row | {"content": self._read(Record(row["topic"], 0, 0, row["key"], headers, payload))}

    def mend_outbox(self, ce_id: UUID, op: str, order: Order) -> dict[str, Any]:
        """`redrive` sends a dead message again; `discard` lets consumers pass over its sequence."""
        with self._database.connection() as connection:

            def act() -> dict[str, Any]:
                self._put_back(connection, ce_id, discard=op == "discard")
                return {"id": str(ce_id), "done": op}

            def version() -> str:
                return self._dead_version(connection, ce_id)

            return actions.once(connection, f"outbox:{op}", str(ce_id), order, version=version, act=act)

    def _dead_version(self, connection: Connection, ce_id: UUID) -> str:
        row = connection.execute(_VERSION_DEAD, (ce_id,)).fetchone()
        if row is None:
            raise NotFound("dead message", ce_id)
        return str(row[0])

    def _put_back(self, connection: Connection, ce_id: UUID, *, discard: bool) -> None:
        row = connection.execute(_TAKE_DEAD, (ce_id,)).fetchone()
        assert row is not None  # its version was read under the same lock
        place, ce_type, headers, payload = row[:5], row[5], row[6], row[7]
        if discard:
            ce_id, ce_type, payload = uuid7(), GAP_TYPE, b"{}"
            headers = self._gap_headers(headers, str(ce_id))
        connection.execute(_PUT_BACK, (*place, ce_id, ce_type, Jsonb(headers), payload))

    def _gap_headers(self, headers: dict[str, str], ce_id: str) -> dict[str, str]:
        kept = {
            name: headers[name] for name in ("ce_partitionkey", "ce_subject", "ce_correlationid") if name in headers
        }
        return kept | {
            "content-type": "application/json",
            "ce_specversion": "1.0",
            "ce_id": ce_id,
            "ce_source": self._source,
            "ce_type": GAP_TYPE,
            "ce_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "ce_causationid": headers.get("ce_id", ""),
        }

    def rebuild_projection(self, name: str, order: Order) -> dict[str, Any]:
        """The new rows are read when they are complete; until then the old ones are."""
        result = {"name": name, "done": "rebuild"}
        with self._database.work() as work:
            if work.connection.execute(_WANT_REBUILT, (order.actor, name)).rowcount == 0:
                raise NotFound("projection", name)
            actions.record(work.connection, "projection:rebuild", name, order, result)
            work.on_commit(self._rebuild)
        return result

    # -- parked records

    def show_parked(self, handler: str, key: str) -> dict[str, Any]:
        """The parked records of a key, in the order in which they wait."""
        with self._database.connection() as connection:
            version = self._parked_version(connection, handler, key)
            rows = overview.parked_of(connection, handler, key)
        items = []
        for row in rows:
            payload, place = row.pop("payload"), (row["topic"], row["partition"], row["offset"])
            items.append(row | {"content": self._read(Record(*place, key, row["headers"], payload))})
        return {"handler": handler, "key": key, "version": version, "items": items}

    def mend_parked(self, handler: str, key: str, op: str, order: Order) -> dict[str, Any]:
        """`retry` tries the first record of the key now; `discard` gives it up and lets the next one go."""
        with self._database.work() as work:

            def act() -> dict[str, Any]:
                count = self._inbox.parked.retry(work.connection, key)
                if op == "discard":
                    count = self._discard(work, key)
                work.on_commit(self._inbox.on_parked)
                return {"handler": handler, "key": key, "done": op, "records": count}

            def version() -> str:
                return self._parked_version(work.connection, handler, key)

            return actions.once(work.connection, f"parked:{op}", f"{handler}/{key}", order, version=version, act=act)

    def _parked_version(self, connection: Connection, handler: str, key: str) -> str:
        if handler != self._inbox.group:
            raise NotFound("handler", handler)
        version = self._inbox.parked.version(connection, key)
        if not version:
            raise NotFound("parked record of key", key)
        return version

    def _discard(self, work: UnitOfWork, key: str) -> int:
        parked, gone = self._inbox.parked, 0
        for (parked_id,) in work.connection.execute(_FIRST_DUE, (parked.handler, key)).fetchall():
            first = parked.take(work.connection, parked_id)
            if first is not None:  # else another instance is trying it this moment
                self._inbox.pass_over(first, work, "discarded")
                gone += 1
        return gone

    # -- dead letters

    def dead_letters(self) -> list[dict[str, Any]]:
        """The topics that have dead letters."""
        return self._letters.overview()

    def list_letters(self, topic: str, state: str | None) -> list[dict[str, Any]]:
        """The dead letters of a topic, all or those in a state."""
        return self._letters.letters(topic, cast("State | None", state))

    def show_letter(self, topic: str, partition: int, offset: int) -> dict[str, Any]:
        """One dead letter with its headers and its content."""
        found = self._letters.letter(topic, partition, offset)
        if found is None:
            raise NotFound("dead letter", f"{partition}/{offset}")
        letter, state = found
        return letter.shown(state) | {"headers": letter.record.headers, "content": self._read(letter.record)}

    def mend_letters(self, topic: str, op: str, wanted: Redrive, order: Order) -> dict[str, Any]:
        """Redrive or discard them; what was done is kept."""
        result = (self._letters.redrive if op == "redrive" else self._letters.discard)(topic, wanted, order)
        if not wanted.dry_run:
            with self._database.connection() as connection:
                actions.record(connection, f"dlq:{op}", topic, order, result)
        return result
