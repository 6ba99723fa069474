"""What operators do, on the tables of the chassis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from psycopg.types.json import Jsonb

from chassis.dispatch import GAP_TYPE
from chassis.domain import Conflict, NotFound
from chassis.http import overview
from chassis.http.problem import Problem
from chassis.identity import uuid7
from chassis.saga import OperationRefused

if TYPE_CHECKING:
    from chassis.database import Database
    from chassis.http.admin import Order
    from chassis.inbox import Inbox
    from chassis.saga import SagaAdmin
    from chassis.saga.instance import OperationName
    from chassis.work import UnitOfWork

_TAKE_DEAD = """
DELETE FROM outbox_dead WHERE ce_id = %s RETURNING position, bucket, topic, msg_key, key_seq, ce_type, headers, payload
"""
# At its old position: it is the first of its key, and those behind it have been waiting for it.
_PUT_BACK = """
INSERT INTO outbox (position, bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload)
OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_FIRST_DUE = """
SELECT id FROM inbox_parked WHERE handler = %s AND msg_key = %s AND next_at <= clock_timestamp()
"""


class SqlOperations:
    """The operations of one service."""

    def __init__(self, database: Database, inbox: Inbox, sagas: SagaAdmin, source: str) -> None:
        self._database = database
        self._inbox = inbox
        self._sagas = sagas
        self._source = source

    def view(self, name: str) -> list[dict[str, Any]]:
        """See `chassis.http.overview`."""
        with self._database.connection() as connection:
            return overview.view(connection, name)

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
                expected_version=order.expected_version,
                force=order.force,
            )
        except OperationRefused as refusal:
            raise Problem(409, "operation-refused", "The saga does not allow this", str(refusal)) from refusal
        except Conflict as stale:
            raise Problem(409, "version-stale", "The saga has changed", str(stale)) from stale

    def mend_outbox(self, ce_id: UUID, op: str) -> None:
        """`redrive` sends a dead message again; `discard` lets consumers pass over its sequence."""
        with self._database.connection() as connection:
            row = connection.execute(_TAKE_DEAD, (ce_id,)).fetchone()
            if row is None:
                raise NotFound("dead message", ce_id)
            place, ce_type, headers, payload = row[:5], row[5], row[6], row[7]
            if op == "discard":
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

    def mend_parked(self, handler: str, key: str, op: str) -> int:
        """`retry` tries the first record of the key now; `discard` gives it up and lets the next one go."""
        if handler != self._inbox.group:
            raise NotFound("handler", handler)
        parked = self._inbox.parked
        with self._database.work() as work:
            count = parked.retry(work.connection, key)
            if not count:
                raise NotFound("parked record of key", key)
            return count if op == "retry" else self._discard(work, key)

    def _discard(self, work: UnitOfWork, key: str) -> int:
        parked, gone = self._inbox.parked, 0
        for (parked_id,) in work.connection.execute(_FIRST_DUE, (parked.handler, key)).fetchall():
            first = parked.take(work.connection, parked_id)
            if first is not None:  # else another instance is trying it this moment
                self._inbox.pass_over(first, work)
                gone += 1
        return gone
