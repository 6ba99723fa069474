"""Reads the retry topics of a service: each record once its time has come, then like any other.

All records of a topic wait equally long, so the first one of a partition is always due first; while it waits, its
partition is paused and holds one record in memory. Times are the database's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from chassis import faults, meters
from chassis.backoff import equal_jitter
from chassis.database import server_time
from chassis.dead_letters import NOT_BEFORE
from chassis.dispatch import Record
from chassis.failures import InboxUnavailable
from chassis.inbox import Inbox
from chassis.kafka import in_group, librdkafka_log
from chassis.records import record_of, returned

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
RETRY_BASE_MS, RETRY_CAP_MS = 200, 5_000
Mark = tuple[str, int]


class RetryReader:
    """One member of the group `<group>.retry`, in a thread of its own."""

    def __init__(
        self, bootstrap: str, inbox: Inbox, topics: Iterable[str], *, session_seconds: float = 6.0, **overrides: Any
    ) -> None:
        self._inbox, self._topics = inbox, sorted(set(topics))
        self._config = {
            **in_group(bootstrap, f"{inbox.group}.retry", session_seconds),
            "queued.max.messages.kbytes": 4_096,
            "log_level": 3,
            **overrides,
        }
        self._waiting: dict[Mark, tuple[Record, float]] = {}  # the first of each partition, and when it is due
        self.assigned = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retries", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self, timeout: float = 15.0) -> None:
        """Finish the record in hand and end the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._read_until_stopped()
            except (KafkaException, RuntimeError, InboxUnavailable, psycopg.Error) as reason:
                failures += 1
                log.warning("reading of retry topics begins anew: %s", reason)
            except Exception:
                failures += 1
                log.exception("reading of retry topics failed and begins anew")
            self._stop.wait(0 if self._stop.is_set() else equal_jitter(failures, RETRY_BASE_MS, RETRY_CAP_MS) / 1000)

    def _read_until_stopped(self) -> None:
        self._waiting.clear()
        consumer = Consumer(self._config, logger=librdkafka_log)
        try:
            consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._gone, on_lost=self._gone)
            while not self._stop.is_set():
                self._take(consumer, consumer.poll(self._pause()))
                self._handle_due(consumer)
        finally:
            consumer.close()

    def _pause(self) -> float:
        """Seconds to wait for a message: no longer than until the next record is due."""
        next_due = min((due for _, due in self._waiting.values()), default=float("inf"))
        return max(0.0, min(POLL_SECONDS, next_due - time.monotonic()))

    def _take(self, consumer: Any, message: Any) -> None:
        if message is None:
            return
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            if error.code() not in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                log.warning("retry topics: %s", error)
            return
        record = record_of(message)
        faults.point("retry.after_poll", record.topic)
        remaining = self._remaining(record)
        if remaining <= 0:
            self._handle(consumer, record)
            return
        self._waiting[record.topic, record.partition] = (record, time.monotonic() + remaining)
        consumer.pause([TopicPartition(record.topic, record.partition)])

    def _remaining(self, record: Record) -> float:
        """Seconds until the record may be tried."""
        due = _moment(record.headers.get(NOT_BEFORE, ""))
        if due is None:
            return 0.0
        with self._inbox.database.connection() as connection:
            return (due - server_time(connection)).total_seconds()

    def _handle_due(self, consumer: Any) -> None:
        for mark, (record, due) in list(self._waiting.items()):
            if due <= time.monotonic() and not self._stop.is_set():
                self._handle(consumer, record)
                if self._waiting.pop(mark, None) is not None:
                    consumer.resume([TopicPartition(*mark)])

    def _handle(self, consumer: Any, record: Record) -> None:
        self._inbox.receive(returned(record, self._inbox.group))
        meters.consumed_messages.add(1, meters.attributes("poll", record.topic, self._inbox.group))
        consumer.commit(offsets=[TopicPartition(record.topic, record.partition, record.offset + 1)], asynchronous=False)
        faults.point("retry.after_offset", record.topic)

    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        self.assigned.set()

    def _gone(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            self._waiting.pop((partition.topic, partition.partition), None)
        consumer.incremental_unassign(partitions)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
