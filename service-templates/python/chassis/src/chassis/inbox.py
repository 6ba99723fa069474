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
from typing import Any

import psycopg
from opentelemetry.trace import Span

from chassis import faults, meters, telemetry
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
from chassis.tracing import process_span
from chassis.work import Connection, MessageContext, UnitOfWork

log = logging.getLogger(__name__)

_LOOK = """
SELECT {claimed},
       (SELECT last_seq FROM known),
       (SELECT min(coalesce(key_seq, 0)) FROM inbox_parked
         WHERE handler = %(handler)s AND topic = %(topic)s AND msg_key = %(key)s
           AND headers->>'ce_source' = %(source)s)
"""
_KNOWN = """known AS (
  SELECT last_seq FROM inbox_cursor
   WHERE handler = %(handler)s AND ce_source = %(source)s AND topic = %(topic)s AND msg_key = %(key)s FOR UPDATE)
"""
_CLAIM = (
    """
WITH claimed AS (
  INSERT INTO inbox (handler, ce_source, ce_id) VALUES (%(handler)s, %(source)s, %(id)s)
  ON CONFLICT DO NOTHING RETURNING 1), """
    + _KNOWN
    + _LOOK.format(claimed="EXISTS (SELECT FROM claimed)")
)
_PEEK = "WITH " + _KNOWN + _LOOK.format(claimed="true")
_UNCLAIM = "DELETE FROM inbox WHERE handler = %(handler)s AND ce_source = %(source)s AND ce_id = %(id)s"
_ADVANCE = """
INSERT INTO inbox_cursor AS c (handler, ce_source, topic, msg_key, last_seq)
VALUES (%(handler)s, %(source)s, %(topic)s, %(key)s, %(seq)s)
ON CONFLICT (handler, ce_source, topic, msg_key) DO UPDATE SET last_seq = excluded.last_seq
 WHERE c.last_seq < excluded.last_seq
"""
# Longer than a record can come back: seven days in its topic, thirty as a dead letter, and a day to spare.
KEPT_DAYS, SWEEP_BATCH = 38, 5_000
_SWEEP = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM inbox WHERE processed_at < now() - make_interval(days => %s) LIMIT %s))
"""


def sweep(connection: Connection) -> int:
    """Forget one batch of the messages that were handled so long ago that none comes back; how many went."""
    return connection.execute(_SWEEP, (KEPT_DAYS, SWEEP_BATCH)).rowcount


def _never(topic: str, partition: int) -> bool:
    return False


@dataclass(slots=True)
class Inbox:
    """The inbox of one consumer group.

    Attributes:
        beginning_removed: whether the first records of a partition are gone by retention.
        on_parked: called when a record was parked, from any thread.
        attempts: after so many failures a record is given up.
    """

    database: Database
    dispatch: Dispatch
    group: str
    unordered: frozenset[str] = frozenset()
    beginning_removed: Callable[[str, int], bool] = _never
    on_parked: Callable[[], None] = lambda: None
    sleep: Callable[[float], None] = time.sleep
    attempts: int = PARKED_ATTEMPTS
    parked: ParkedRecords = field(init=False)

    def __post_init__(self) -> None:
        self.parked = ParkedRecords(self.group)

    def receive(self, record: Record) -> Verdict:
        """Handle a record or park it, so that its offset may be committed.

        Raises:
            InboxUnavailable: the database is away; nothing was done.
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
        self._park_failed(record, failure)
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
        arrival = self._arrival(work.connection, record, place, claim=bool(handlers))
        verdict = decide(arrival)
        if verdict is Verdict.HANDLE:
            self._handle(record, work, handlers, place)
            if arrival.least_waiting is not None:
                self.parked.promote(work.connection, record)
                work.on_commit(self.on_parked)
        elif verdict in (Verdict.GAP, Verdict.BEHIND_PARKED):
            work.connection.execute(_UNCLAIM, place)
            self._park(work, record, verdict)
        return verdict

    def retry(self, parked: Parked, work: UnitOfWork) -> Verdict:
        """Handle a parked record that is due; a gap leaves everything as it is."""
        record, handlers = parked.record, self.dispatch.of(parked.record)
        place = self._place(record)
        arrival = self._arrival(work.connection, record, place, claim=True)
        verdict = decide(replace(arrival, least_waiting=None))
        if verdict is Verdict.GAP:
            work.connection.execute(_UNCLAIM, place)
            return verdict
        if verdict is Verdict.HANDLE:
            self._handle(record, work, handlers, place)
        self.parked.remove(work.connection, parked)
        return verdict

    def pass_over(self, parked: Parked, work: UnitOfWork) -> None:
        """Count a record that was given up as dealt with; those behind it go on."""
        place = self._place(parked.record)
        work.connection.execute(_CLAIM.encode(), place)
        if parked.record.sequence is not None and self.is_ordered(parked.record):
            work.connection.execute(_ADVANCE, place)
        self.parked.remove(work.connection, parked)

    def last_sequence(self, record: Record) -> int:
        """The last sequence applied of the record's key."""
        with self.database.connection() as connection:
            row = connection.execute(_PEEK.encode(), self._place(record)).fetchone()
        return (row[1] if row else None) or 0

    @contextmanager
    def traced(self, record: Record) -> Iterator[Span]:
        """The span of handling a record, and its ids on every line of the log."""
        headers = record.headers
        ids = {"correlation_id": headers.get("ce_correlationid", ""), "saga_id": headers.get("ce_sagaid", "")}
        with process_span(record, self.group) as span, telemetry.bound(**ids):
            yield span

    def _arrival(self, connection: Connection, record: Record, place: dict[str, Any], *, claim: bool) -> Arrival:
        row = connection.execute((_CLAIM if claim else _PEEK).encode(), place).fetchone()
        assert row is not None
        is_new, last, least_waiting = row
        if not self.is_ordered(record):
            return Arrival(None, is_new)
        last = last or None  # 0: the row is there for its lock, nothing was applied
        unknown = last is None and (record.sequence or 1) > 1
        removed = unknown and self.beginning_removed(record.topic, record.partition)
        return Arrival(record.sequence, is_new, last, least_waiting, removed)

    def _handle(
        self, record: Record, work: UnitOfWork, handlers: Sequence[Callable[..., None]], place: dict[str, Any]
    ) -> None:
        faults.point("inbox.after_insert", record.ce_type)
        for handler in handlers:
            handler(record, work)
        faults.point("inbox.after_effect", record.ce_type)
        if record.sequence is not None and self.is_ordered(record):
            work.connection.execute(_ADVANCE, place)

    def _park(self, work: UnitOfWork, record: Record, reason: Verdict, failure: HandlingFailure | None = None) -> None:
        attempts, delay, error = 0, parked_delay(1), str(reason)
        if failure is not None:
            attempts = self.attempts if failure.final else int(failure.counts)
            delay = 0 if failure.final else parked_delay(1, self.is_ordered(record))
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
        attributes = {"messaging.destination.name": record.topic, "messaging.consumer.group.name": self.group}
        counter = {Verdict.DUPLICATE: meters.duplicates, Verdict.STALE: meters.stale, Verdict.GAP: meters.gaps}
        if verdict in counter:
            counter[verdict].add(1, attributes)
        meters.process_duration.record(seconds, {**attributes, "messaging.system": "kafka"})
