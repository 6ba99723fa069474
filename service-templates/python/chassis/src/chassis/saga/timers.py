"""The thread that does what is due in sagas, judged by the database's clock. Rows are its memory; it has no other.

Every due row is handled in a transaction of its own, which takes the row or leaves it to another instance. Calls are
made between two transactions: the first notes when to call again should nobody tell, the second takes in the answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import psycopg_pool

from chassis import telemetry
from chassis.http.client import PeerUnavailable
from chassis.saga import metrics
from chassis.saga.conductor import PendingCall
from chassis.saga.instance import Reply, Unanswered
from chassis.saga.ports import log

if TYPE_CHECKING:
    from chassis.database import Database
    from chassis.http.client import PeerAnswer
    from chassis.saga.engine import SagaEngine

IDLE = 1.0
"""Seconds between two looks when nothing wakes the thread, and after nothing could be done."""
MOMENT = 0.02
"""Seconds between two looks while there is much to do; another instance may be at it."""
BATCH = 100
CALLS_AT_ONCE = 8
COUNT_EVERY = 10.0
CONFLICT = 409
"""Somebody else was first, or the aggregate is in another state: both may be otherwise a moment later."""

_DUE = """
SELECT saga_id, saga_type, mode FROM saga_instance WHERE next_timer_at <= clock_timestamp()
 ORDER BY next_timer_at LIMIT %s
"""
_DUE_PARTICIPATIONS = """
SELECT saga_id FROM saga_participant WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT %s
"""
_NEXT = """
SELECT extract(epoch FROM least((SELECT min(next_timer_at) FROM saga_instance WHERE next_timer_at IS NOT NULL),
                                (SELECT min(due_at) FROM saga_participant WHERE due_at IS NOT NULL))
                          - clock_timestamp())::float8
"""


class SagaTimers:
    """Start it once; `wake` lets it look at once."""

    def __init__(self, engine: SagaEngine, database: Database) -> None:
        self._engine = engine
        self._database = database
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._calls: ThreadPoolExecutor | None = None
        self._census = metrics.Census(flow.name for flow in engine.ports.flows.values() if engine.ports.owns(flow))
        self._counted = float("-inf")

    def start(self) -> None:
        """Begin."""
        self._census.begin()
        self._calls = ThreadPoolExecutor(CALLS_AT_ONCE, "saga-call")
        self._thread = threading.Thread(target=self._run, name="saga-timers", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._awake.set()

    def stop(self, wait: float = 10.0) -> None:
        """Finish what is in hand and end. Calls that are still out are made again by the next process."""
        self._stopping.set()
        self._awake.set()
        if self._thread is not None:
            self._thread.join(wait)
        if self._calls is not None:
            self._calls.shutdown(wait=True, cancel_futures=True)

    def run_due(self) -> int:
        """Do what is due now; how many rows were dealt with. Calls are made within, unless the thread runs."""
        with self._database.connection() as connection:
            sagas = connection.execute(_DUE, (BATCH,)).fetchall()
            participations = connection.execute(_DUE_PARTICIPATIONS, (BATCH,)).fetchall()
        done = [self._guarded(row[0], self._saga, *row) for row in sagas]
        done += [self._guarded(row[0], self._participation, *row) for row in participations]
        return sum(done)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            pause = IDLE
            try:
                self._count()
                pause = self._pause()
                if pause <= 0:
                    pause = MOMENT if self.run_due() else IDLE
            except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
                log.warning("saga timers: %s", error)
            self._awake.wait(pause)

    def _pause(self) -> float:
        with self._database.connection() as connection:
            row = connection.execute(_NEXT).fetchone()
        return IDLE if row is None or row[0] is None else min(IDLE, row[0])

    def _count(self) -> None:
        if time.monotonic() - self._counted >= COUNT_EVERY:
            self._counted = time.monotonic()
            with self._database.connection() as connection:
                self._census.count(connection)

    # -- sagas

    def _saga(self, saga_id: UUID, saga_type: str, mode: str) -> None:
        with self._database.work() as work:
            if mode == "choreography":
                self._engine.monitor.due(work, saga_id, saga_type)
                return
            calls = self._engine.conductor.due(work, saga_id)
        for call in calls:
            if self._calls is None:
                self._make(call)
            else:
                self._calls.submit(self._guarded, call.saga.id, self._make, call)

    def _make(self, call: PendingCall) -> None:
        """Ask the peer and take in what it says."""
        parent = {"traceparent": call.trace} if call.trace else None
        with (
            telemetry.span(f"step {call.saga.step}", parent=parent),
            telemetry.bound(correlation_id=call.correlation_id, saga_id=str(call.saga.id)),
        ):
            given = self._ask(call)
            with self._database.work() as work:
                self._engine.conductor.decide(work, call.saga.id, given)

    def _ask(self, call: PendingCall) -> Reply | Unanswered:
        ask = self._engine.call
        assert ask is not None  # a service with call steps is composed with a client
        try:
            answer = ask(
                call.peer,
                call.route,
                call.inputs,
                idempotency_key=call.idempotency_key,
                correlation_id=call.correlation_id,
                saga=call.saga,
            )
        except PeerUnavailable as error:
            log.info("%s of saga %s: %s", call.saga.step, call.saga.id, error)
            return Unanswered(command_id=call.command_id)
        return _reply(call, answer)

    # -- participations

    def _participation(self, saga_id: UUID) -> None:
        with self._database.work() as work:
            self._engine.performer.due(work, saga_id)

    def _guarded(self, saga_id: UUID, act: Callable[..., None], *arguments: Any) -> bool:
        """One saga's failure must not keep the others waiting."""
        try:
            act(*arguments)
            return True
        except Exception:
            log.exception("saga %s: its timer failed", saga_id)
            return False


def _reply(call: PendingCall, answer: PeerAnswer) -> Reply:
    if answer.carried_out and not answer.rejected:
        return Reply(command_id=call.command_id, outcome="succeeded", event=answer.event, payload=answer.data)
    return Reply(
        command_id=call.command_id,
        outcome="failed",
        event=answer.event,
        payload=answer.data or None,
        error="" if answer.rejected else f"http-{answer.status}",
        retryable=answer.status == CONFLICT and not answer.carried_out,
    )
