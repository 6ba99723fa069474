"""What outbox, relay and inbox count and measure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import psycopg
from opentelemetry.metrics import CallbackOptions, Observation

from chassis.database import Database
from chassis.telemetry import meter

log = logging.getLogger(__name__)

sent_messages = meter.create_counter("messaging.client.sent.messages", "{message}", "Messages the broker acknowledged")
consumed_messages = meter.create_counter("messaging.client.consumed.messages", "{message}", "Records read")
operation_duration = meter.create_histogram("messaging.client.operation.duration", "s", "Sending a batch")
process_duration = meter.create_histogram("messaging.process.duration", "s", "Handling a record")
publish_latency = meter.create_histogram(
    "fleet.outbox.publish.latency", "s", "From append to acknowledgement, of the oldest message of a batch"
)
duplicates = meter.create_counter("fleet.inbox.duplicates", "{record}", "Records handled before")
stale = meter.create_counter("fleet.inbox.stale", "{record}", "Records behind their key's cursor")
retries = meter.create_counter("fleet.retry.messages", "{record}", "Records that failed and went to a retry topic")
dead_letters = meter.create_counter("fleet.dlq.messages", "{record}", "Records given up")
redriven = meter.create_counter("fleet.dlq.redriven", "{record}", "Dead letters that an operator sent again")


def attributes(operation: str, topic: str, group: str = "") -> dict[str, str]:
    """Of a messaging metric, as the semantic conventions name them."""
    named = {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.destination.name": topic,
        "messaging.consumer.group.name": group,
    }
    return {name: value for name, value in named.items() if value}


_MOST_COUNTED = 100_000  # a look at a long backlog must not be a load of its own
_PENDING = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT %s) AS pending"
_OLDEST = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - created_at), 0)::float8
  FROM outbox ORDER BY position LIMIT 1
"""
_HELD = """
SELECT count(*) FROM (SELECT topic, msg_key FROM outbox WHERE not_before > now()
                      UNION SELECT topic, msg_key FROM outbox_dead) AS held
"""
_PARKED = "SELECT count(*) FROM inbox_parked"
_GAPS = "SELECT count(*) FROM inbox_parked WHERE reason = 'gap'"
_DEAD = "SELECT count(*) FROM outbox_dead"
# A transaction that stays open, in any database of the server, keeps dead rows from being cleaned up.
_XMIN = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
  FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
"""


def observe(database: Database, buckets: Callable[[], int]) -> None:
    """Register the gauges that look into the database when metrics are collected; `buckets` counts the relay's."""
    _gauge("fleet.outbox.pending", "{message}", database, _PENDING, (_MOST_COUNTED,))
    _gauge("fleet.outbox.oldest.age", "s", database, _OLDEST)
    _gauge("fleet.outbox.held.keys", "{key}", database, _HELD)
    _gauge("fleet.outbox.dead", "{message}", database, _DEAD)
    _gauge("fleet.inbox.parked", "{record}", database, _PARKED)
    _gauge("fleet.inbox.gaps", "{record}", database, _GAPS)
    _gauge("fleet.db.xmin.age", "s", database, _XMIN)
    for counter in (sent_messages, consumed_messages, duplicates, stale, retries, dead_letters, redriven):
        counter.add(0)  # so that a dashboard shows none instead of nothing

    def held_buckets(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(buckets())

    meter.create_observable_gauge("fleet.relay.buckets", [held_buckets], "{bucket}")


def oldest_age(database: Database) -> float:
    """Seconds the oldest message has been waiting; readiness depends on it."""
    with database.connection() as connection:
        row = connection.execute(_OLDEST).fetchone()
    return float(row[0]) if row else 0.0


def _gauge(name: str, unit: str, database: Database, query: str, parameters: tuple[int, ...] = ()) -> None:
    def look(_: CallbackOptions) -> Iterator[Observation]:
        try:
            with database.connection() as connection:
                row = connection.execute(query.encode(), parameters).fetchone()
        except psycopg.Error as reason:
            log.debug("%s cannot be observed: %s", name, reason)
            return
        yield Observation(row[0] if row else 0)

    meter.create_observable_gauge(name, [look], unit)
