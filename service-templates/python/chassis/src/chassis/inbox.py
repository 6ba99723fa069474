"""The inbox: each record takes effect once, those of a key in the order of their sequence.

The row that says "handled", the cursor of the key, the effects and the messages they send are one transaction. All
handlers of a record run in it. Decisions are in `chassis.inbox_rules`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg
from opentelemetry.trace import Span

from chassis import faults, inbox_store, meters, telemetry
from chassis.database import Database
from chassis.dispatch import Dispatch, Record
from chassis.failures import HandlingFailure, InboxUnavailable, judge
from chassis.inbox_rules import (
    IN_PLACE_TRIES,
    PARKED_ATTEMPTS,
    Arrival,
    Verdict,
    decide,
    in_place_delay,
    parked_delay,
)
from chassis.parked import Parked, ParkedRecords
from chassis.records import context_of
from chassis.retry_rules import REDRIVEN
from chassis.tracing import process_span
from chassis.work import Connection, MessageContext, UnitOfWork

log = logging.getLogger(__name__)

Outcome = Literal["dead", "discarded"]
Forward = Callable[[Record, HandlingFailure], None]
"""Sends a record that failed to a retry topic or to the dead letters; raises `InboxUnavailable` if that cannot be."""


def _never(topic: str, partition: int) -> bool:
    return False


def _nowhere(record: Record, failure: HandlingFailure) -> None:
    raise InboxUnavailable(f"{record.ce_id} failed and there are no retry topics")


@dataclass(slots=True)
class Inbox:
    """The inbox of one consumer group.

    Attributes:
        beginning_removed: whether the first records of a partition are gone by retention.
        on_parked: called when a record was parked, from any thread.
        forward: takes over records that failed and hold up no other.
        attempts: after so many failures a record is given up.
    """

    database: Database
    dispatch: Dispatch
    group: str
    unordered: frozenset[str] = frozenset()
    beginning_removed: Callable[[str, int], bool] = _never
    on_parked: Callable[[], None] = lambda: None
    forward: Forward = _nowhere
    sleep: Callable[[float], None] = time.sleep
    attempts: int = PARKED_ATTEMPTS
    parked: ParkedRecords = field(init=False)

    def __post_init__(self) -> None:
        self.parked = ParkedRecords(self.group)

    def receive(self, record: Record) -> Verdict:
        """Handle a record, park it or forward it, so that its offset may be committed.

        Raises:
            InboxUnavailable: the database, or where to forward it, is away; nothing was done.
        """
        failure: HandlingFailure | None = None
        for attempt in range(1, IN_PLACE_TRIES + 1):
            try:
                return self._attempt(record)
            except Exception as reason:
                failure = judge(reason)
                log.warning("%s %s: %s", record.ce_type, record.ce_id, failure.text)
            if not failure.in_place or attempt == IN_PLACE_TRIES:
                break
            self.sleep(in_place_delay(attempt) / 1000)
        assert failure is not None
        if self._may_park(record):
            self._park_failed(record, failure)
        else:
            self.forward(record, failure)
        return Verdict.FAILED

    def receive_together(self, records: Sequence[Record]) -> bool:
        """Handle several records in one transaction, which costs one commit.

        `False` when one of them failed: then nothing was done, and each is to be received by itself.
        """
        try:
            with self.database.work(MessageContext()) as work:
                verdicts = [self._apply_in_context(record, work) for record in records]
        except Exception as reason:
            log.info("%d records must be handled one by one: %s", len(records), judge(reason).text)
            return False
        for record, (verdict, seconds) in zip(records, verdicts, strict=True):
            faults.point("inbox.after_commit", record.ce_type)
            self._count(record, verdict, seconds)
        return True

    def _apply_in_context(self, record: Record, work: UnitOfWork) -> tuple[Verdict, float]:
        started = time.monotonic()
        with self.traced(record), work.using(context_of(record)):
            return self._apply(record, work, self.dispatch.of(record)), time.monotonic() - started

    def skim(self, records: Sequence[Record]) -> None:
        """Move the cursors over records that nobody handles, in one transaction."""
        try:
            with self.database.work(MessageContext()) as work:
                for record in records:
                    if self.is_ordered(record):
                        self._apply(record, work, ())
        except psycopg.Error as reason:
            raise InboxUnavailable(str(reason)) from reason

    def _attempt(self, record: Record) -> Verdict:
        handlers = self.dispatch.of(record)
        started = time.monotonic()
        with self.traced(record) if handlers else nullcontext(), self.database.work(context_of(record)) as work:
            verdict = self._apply(record, work, handlers)
        faults.point("inbox.after_commit", record.ce_type)
        self._count(record, verdict, time.monotonic() - started)
        return verdict

    def _apply(self, record: Record, work: UnitOfWork, handlers: Sequence[Callable[..., None]]) -> Verdict:
        place = self._place(record)
        if record.redrives and record.level == REDRIVEN and self._rearm(record, work):
            return Verdict.REARMED
        arrival = self._arrival(work.connection, record, place, claim=bool(handlers))
        verdict = decide(arrival)
        if verdict is Verdict.HANDLE:
            self._handle(record, work, handlers, place)
            if arrival.least_waiting is not None:
                self.parked.promote(work.connection, record)
                work.on_commit(self.on_parked)
        elif verdict in (Verdict.GAP, Verdict.BEHIND_PARKED):
            work.connection.execute(inbox_store.UNCLAIM, place)
            self._park(work, record, verdict)
        return verdict

    def _rearm(self, record: Record, work: UnitOfWork) -> bool:
        """A redriven record may still be parked, holding its key: then it is tried there, in its place."""
        rearmed = self.parked.rearm(work.connection, record)
        if rearmed:
            work.on_commit(self.on_parked)
        return rearmed is not None

    def retry(self, parked: Parked, work: UnitOfWork) -> Verdict:
        """Handle a parked record that is due; a gap leaves everything as it is."""
        record, handlers = parked.record, self.dispatch.of(parked.record)
        place = self._place(record)
        arrival = self._arrival(work.connection, record, place, claim=True)
        verdict = decide(replace(arrival, least_waiting=None))
        if verdict is Verdict.GAP:
            work.connection.execute(inbox_store.UNCLAIM, place)
            return verdict
        if verdict is Verdict.HANDLE:
            self._handle(record, work, handlers, place)
        self.parked.remove(work.connection, parked)
        return verdict

    def pass_over(self, parked: Parked, work: UnitOfWork, outcome: Outcome = "dead") -> None:
        """Count a record that was given up as dealt with; those behind it go on."""
        self.bury(parked.record, work, outcome)
        if parked.record.sequence is not None and self.is_ordered(parked.record):
            work.connection.execute(inbox_store.ADVANCE, self._place(parked.record))
        self.parked.remove(work.connection, parked)

    def bury(self, record: Record, work: UnitOfWork, outcome: Outcome = "dead") -> None:
        """Note that a record was given up: only a redrive brings it back; one that was discarded nothing."""
        work.connection.execute(inbox_store.BURY, {**self._place(record), "outcome": outcome})

    def last_sequence(self, record: Record) -> int:
        """The last sequence applied of the record's key."""
        with self.database.connection() as connection:
            row = connection.execute(inbox_store.PEEK.encode(), self._place(record)).fetchone()
        return (row[1] if row else None) or 0

    @contextmanager
    def traced(self, record: Record) -> Iterator[Span]:
        """The span of handling a record, and its ids on every line of the log."""
        headers = record.headers
        ids = {"correlation_id": headers.get("ce_correlationid", ""), "saga_id": headers.get("ce_sagaid", "")}
        with process_span(record, self.group) as span, telemetry.bound(**ids):
            yield span

    def _arrival(self, connection: Connection, record: Record, place: dict[str, Any], *, claim: bool) -> Arrival:
        row = connection.execute((inbox_store.CLAIM if claim else inbox_store.PEEK).encode(), place).fetchone()
        assert row is not None
        is_new, last, least_waiting = row
        reopened = claim and not is_new and bool(record.redrives) and self._reopen(connection, place)
        if reopened or not self.is_ordered(record):
            return Arrival(None, is_new or reopened, reopened=reopened)
        last = last or None  # 0: the row is there for its lock, nothing was applied
        unknown = last is None and (record.sequence or 1) > 1
        removed = unknown and self.beginning_removed(record.topic, record.partition)
        return Arrival(record.sequence, is_new, last, least_waiting, removed)

    def _reopen(self, connection: Connection, place: dict[str, Any]) -> bool:
        return connection.execute(inbox_store.REOPEN, place).rowcount == 1

    def _handle(
        self, record: Record, work: UnitOfWork, handlers: Sequence[Callable[..., None]], place: dict[str, Any]
    ) -> None:
        faults.point("inbox.after_insert", record.ce_type)
        for handler in handlers:
            handler(record, work)
        faults.point("inbox.after_effect", record.ce_type)
        if record.sequence is not None and self.is_ordered(record):
            work.connection.execute(inbox_store.ADVANCE, place)

    def _park(self, work: UnitOfWork, record: Record, reason: Verdict, failure: HandlingFailure | None = None) -> None:
        attempts, delay, error = 0, parked_delay(1), str(reason)
        if failure is not None:
            attempts = self.attempts if failure.final else int(failure.counts)
            delay = 0 if failure.final else parked_delay(1)
            error = failure.text
        place = "error" if failure else str(reason)
        self.parked.park(work.connection, record, place, attempts=attempts, error=error, delay=delay)
        faults.point("park.after_insert", record.ce_type)
        work.on_commit(self.on_parked)

    def _park_failed(self, record: Record, failure: HandlingFailure) -> None:
        try:
            with self.database.work(context_of(record)) as work:
                self._park(work, record, Verdict.FAILED, failure)
        except psycopg.Error as reason:
            raise InboxUnavailable(str(reason)) from reason
        log.error("parked %s %s of key %s: %s", record.ce_type, record.ce_id, record.key, failure.text)

    def _may_park(self, record: Record) -> bool:
        """Parking holds the key: pointless without an order, and wrong for one whose key has gone on without it."""
        return self.is_ordered(record) and record.level < REDRIVEN

    def is_ordered(self, record: Record) -> bool:
        """Whether the records of its topic are applied in the order of their sequence."""
        return record.topic not in self.unordered

    def _place(self, record: Record) -> dict[str, Any]:
        return {
            "handler": self.group,
            "source": record.ce_source,
            "id": record.ce_id,
            "topic": record.topic,
            "key": record.key,
            "seq": record.sequence,
        }

    def _count(self, record: Record, verdict: Verdict, seconds: float) -> None:
        attributes = meters.attributes("process", record.topic, self.group)
        counter = {Verdict.DUPLICATE: meters.duplicates, Verdict.STALE: meters.stale}
        if verdict in counter:
            counter[verdict].add(1, attributes)
        meters.process_duration.record(seconds, attributes)
