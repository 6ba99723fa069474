"""The relay: carries committed messages from the outbox to Kafka and deletes what Kafka has acknowledged.

It reads what is there, in order of position, of the buckets it holds a lease on. There is no cursor: a transaction that
commits late puts its rows where the next look finds them. Decisions are in `chassis.relay_rules`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg
from opentelemetry.trace import Span
from psycopg.rows import args_row

from chassis import faults, meters
from chassis.database import Database
from chassis.kafka import RecordProducer, Sendable
from chassis.leases import BucketLeases
from chassis.relay_rules import Failure, Row, Settlement, backoff, next_pause, settle
from chassis.telemetry import failed
from chassis.tracing import is_sampled, send_span
from chassis.work import Connection

log = logging.getLogger(__name__)

BATCH = 1000
_HELD = """
SELECT topic, msg_key FROM outbox WHERE not_before IS NOT NULL AND not_before > clock_timestamp()
UNION SELECT topic, msg_key FROM outbox_dead
"""
_COLUMNS = """
SELECT position, bucket, topic, msg_key, key_seq, ce_id, headers, payload,
       to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       extract(epoch FROM clock_timestamp() - created_at)::float8, attempts
  FROM outbox WHERE bucket = ANY(%s)
"""
_SELECT = _COLUMNS + " ORDER BY position LIMIT %s"
_SELECT_UNHELD = _COLUMNS + (
    " AND (topic, msg_key) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY position LIMIT %s"
)
_DELETE = "DELETE FROM outbox WHERE position = ANY(%s)"
_HOLD = """
UPDATE outbox SET attempts = attempts + 1, last_error = %s,
       not_before = clock_timestamp() + make_interval(secs => %s::float8 / 1000)
 WHERE position = %s
"""
_BURY = """
WITH moved AS (DELETE FROM outbox WHERE position = %s RETURNING *)
INSERT INTO outbox_dead (position, bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload, created_at,
                         attempts, last_error, not_before)
SELECT position, bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload, created_at,
       attempts + 1, %s, not_before FROM moved
"""


class OutboxRelay:
    """Sends the outbox of one service. Instances of the service share the buckets among them by leases."""

    def __init__(
        self, database: Database, producer: RecordProducer, owner: str, *, batch: int = BATCH, idle_most: float = 1.0
    ) -> None:
        """`owner` names this instance, differently at each start."""
        self._database = database
        self._producer = producer
        self._leases = BucketLeases(owner)
        self._batch, self._idle_most = batch, idle_most
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._broker_failures = 0
        database.after_append(self._wake.set)

    @property
    def buckets(self) -> int:
        """How many buckets this instance sends."""
        return len(self._leases.buckets)

    def start(self) -> None:
        """Begin to relay in a thread of its own."""
        self._thread.start()

    def stop(self, timeout: float = 15.0) -> None:
        """Finish the batch in hand, give up the leases and end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                with self._database.dedicated("relay") as connection:
                    failures = 0
                    self._relay(connection)
            except psycopg.Error as reason:
                failures += 1
                log.warning("relay lost its database: %s", reason)
                self._stop.wait(backoff(failures) / 1000)
            except Exception:
                failures += 1
                log.exception("relay failed")
                self._stop.wait(backoff(failures) / 1000)

    def _relay(self, connection: Connection) -> None:
        pause = 0.0
        while not self._stop.is_set():
            self._wake.clear()
            if self._leases.due() <= 0:
                self._leases.keep(connection)
            if self.run_once(connection):
                pause = 0.0
                continue
            pause = next_pause(pause, most=self._idle_most)
            wanted = max(pause, backoff(self._broker_failures) / 1000) if self._broker_failures else pause
            self._sleep(min(wanted, max(0.0, self._leases.due())), patient=bool(self._broker_failures))
        self._leases.release(connection)

    def _sleep(self, seconds: float, patient: bool) -> None:
        (self._stop if patient else self._wake).wait(seconds)

    def run_once(self, connection: Connection) -> bool:
        """Send one batch; gives whether there may be more to send at once."""
        if not self._leases.buckets or not self._leases.trusted():
            return False
        rows = self._select(connection)
        if not rows:
            return False
        faults.point("relay.after_select", rows[0].topic)
        started = time.monotonic()
        results = self._send(rows, connection)
        faults.point("relay.after_ack", rows[0].topic)
        settlement = settle(rows, results)
        self._broker_failures = self._broker_failures + 1 if settlement.broker_failed else 0
        recorded = self._record(connection, rows, settlement)
        faults.point("relay.after_commit", rows[0].topic)
        if recorded:
            _measure(rows, settlement, time.monotonic() - started)
        return bool(settlement.acked) and not settlement.broker_failed

    def _select(self, connection: Connection) -> list[Row]:
        held = connection.execute(_HELD).fetchall()
        buckets = self._leases.buckets
        with connection.cursor(binary=True, row_factory=args_row(Row)) as cursor:
            if held:
                topics, keys = [list(column) for column in zip(*held, strict=True)]
                return cursor.execute(_SELECT_UNHELD, (buckets, topics, keys, self._batch)).fetchall()
            return cursor.execute(_SELECT, (buckets, self._batch)).fetchall()

    def _send(self, rows: Sequence[Row], connection: Connection) -> list[Failure | None]:
        spans: list[Span | None] = []
        records = []
        for row in rows:
            span, hop = send_span(row.topic, row.key, row.headers) if is_sampled(row.headers) else (None, {})
            spans.append(span)
            records.append(_sendable(row, hop))

        def keep_leases() -> None:
            faults.point("relay.after_send", rows[0].topic)
            if self._leases.due() <= 0:
                self._leases.renew(connection)

        results = self._producer.send(records, keep_leases)
        for span, failure in zip(spans, results, strict=True):
            if span is not None:
                if failure is not None:
                    failed(span, failure.text)
                span.end()
        return results

    def _record(self, connection: Connection, rows: Sequence[Row], settlement: Settlement) -> bool:
        """Write down what became of the batch, unless somebody else has taken over: then it is sent again."""
        with connection.transaction():
            if not self._leases.hold(connection, (row.bucket for row in rows)):
                log.warning("relay was overtaken: %d messages may be sent twice", len(settlement.acked))
                return False
            if settlement.acked:
                connection.execute(_DELETE, (settlement.acked,))
            for position, delay, error in settlement.held:
                connection.execute(_HOLD, (error, delay, position))
            for position, error in settlement.dead:
                connection.execute(_BURY, (position, error))
                log.error("outbox: message %d is dead and holds its key: %s", position, error)
            faults.point("relay.after_delete", rows[0].topic)
        if settlement.broker_failed:
            log.warning("broker does not take messages: %s", settlement.broker_failed)
        return True


def _sendable(row: Row, hop: dict[str, str]) -> Sendable:
    headers: list[Any] = list((row.headers | hop).items())
    headers.append(("ce_sequence", f"{row.seq:020d}"))
    headers.append(("ce_recordedtime", row.recorded))
    return Sendable(row.topic, row.key, headers, row.payload)


def _measure(rows: Sequence[Row], settlement: Settlement, elapsed: float) -> None:
    acked = set(settlement.acked)
    sent = [row for row in rows if row.position in acked]
    if not sent:
        return
    for topic, count in Counter(row.topic for row in sent).items():
        meters.sent_messages.add(count, meters.attributes("send", topic))
        meters.operation_duration.record(elapsed, meters.attributes("send", topic))
    meters.publish_latency.record(sent[0].age + elapsed)
