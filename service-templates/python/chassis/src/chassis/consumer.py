"""The consumer: reads the topics of a service in one thread and hands the records to the inbox.

An offset is committed after the transaction of its record, so a crash repeats records and loses none. When the database
is away, fetching is paused and the records in hand wait; the member stays in its group.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, takewhile
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from chassis import faults, meters
from chassis.backoff import equal_jitter
from chassis.dispatch import Record
from chassis.failures import InboxUnavailable
from chassis.inbox import Inbox
from chassis.kafka import answers, in_group, librdkafka_log
from chassis.records import record_of

log = logging.getLogger(__name__)

BATCH, POLL_SECONDS, COMMIT_SECONDS = 256, 1.0, 1.0
TOGETHER = 16  # records in one transaction when there are many
RETRY_BASE_MS, RETRY_CAP_MS = 200, 5_000
ALONE_LEAST, ALONE_MOST = 15.0, 300.0  # seconds without partitions before the client is replaced; doubled each time
END_SECONDS = 5.0


class Astray(Exception):
    """The client has no partitions though the broker answers: it does not find back into its group."""


class RecordConsumer:
    """One member of a consumer group."""

    def __init__(
        self,
        bootstrap: str,
        inbox: Inbox,
        topics: Iterable[str],
        *,
        member: str = "",
        session_seconds: float = 6.0,
        **overrides: Any,
    ) -> None:
        """`member` is the name under which this instance comes back after a restart without a rebalance."""
        self._inbox, self._topics = inbox, sorted(set(topics))
        self._config = {
            **in_group(bootstrap, inbox.group, session_seconds),
            "client.id": member or inbox.group,
            "queued.max.messages.kbytes": 16_384,
            "log_level": 4,
            **({"group.instance.id": member} if member else {}),
            **overrides,
        }
        self._bootstrap, self._alone_most = bootstrap, max(ALONE_LEAST, 2 * session_seconds)
        self._patience, self._alone_since = self._alone_most, 0.0
        self._consumer: Any = None
        self._waiting: deque[Record] = deque()
        self._together = float(TOGETHER)
        self._done: dict[tuple[str, int], int] = {}
        self._committed_at = 0.0
        self._removed: dict[tuple[str, int], float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)
        self.assigned = threading.Event()
        self.on_pass: Callable[[Any], None] = lambda _: None  # with the client, when nothing is in hand
        inbox.beginning_removed = self.beginning_removed

    def start(self) -> None:
        """Begin to consume in a thread of its own."""
        self._thread.start()

    def stop(self, timeout: float = 25.0) -> None:
        """Finish the record in hand, commit, leave and end the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def beginning_removed(self, topic: str, partition: int) -> bool:
        """Whether retention has removed the beginning of a partition. Once it has, it stays so."""
        mark, now = (topic, partition), time.monotonic()
        known = self._removed.get(mark, 0.0)
        if known < now:
            try:
                low, _ = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5.0)
            except (KafkaException, RuntimeError, AttributeError):
                return False
            known = self._removed[mark] = float("inf") if low > 0 else now + 5.0
        return known == float("inf")

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._consume_until_stopped()
                failures = 0
            except (KafkaException, RuntimeError, Astray) as reason:
                failures += 1
                log.warning("consumer begins anew: %s", reason)
            except Exception:
                failures += 1
                log.exception("consumer failed and begins anew")
            self._stop.wait(0 if self._stop.is_set() else equal_jitter(failures, RETRY_BASE_MS, RETRY_CAP_MS) / 1000)

    def _consume_until_stopped(self) -> None:
        self._waiting.clear()
        self._done.clear()
        consumer = self._consumer = Consumer(self._config, logger=librdkafka_log)
        self._alone_since = time.monotonic()
        try:
            consumer.subscribe(self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
            while not self._stop.is_set():
                self._take(_polled(consumer))
                self._handle_waiting(consumer)
                self._commit(consumer)
                self._look_around()
                if not self._waiting:
                    self.on_pass(consumer)
        finally:
            self.assigned.clear()
            self._end(consumer)

    def _look_around(self) -> None:
        """A client that lost its place while the brokers were silent may wait for ever when they are back."""
        if self.assigned.is_set() or time.monotonic() - self._alone_since < self._patience:
            return
        self._alone_since = time.monotonic()
        if answers(self._bootstrap):
            waited, self._patience = self._patience, min(ALONE_MOST, 2 * self._patience)
            raise Astray(f"no partitions for {waited:.0f} s, though the broker answers")

    def _end(self, consumer: Any) -> None:
        """Commit and leave the group. A client that went astray may never come back from that, so others do it."""
        self._consumer = None
        offsets = self._offsets()

        def end() -> None:
            if offsets:
                _commit_now(consumer, offsets)
            consumer.close()

        ending = threading.Thread(target=end, name="consumer-end", daemon=True)
        ending.start()
        ending.join(END_SECONDS)
        if ending.is_alive():
            log.warning("a consumer does not end and is left to itself")

    def _take(self, messages: Iterable[Any]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._waiting.append(record_of(message))
            elif error.fatal() or error.code() == KafkaError._FATAL:  # told by polling, it has only the code
                raise KafkaException(error)
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                log.warning("consumer: %s", error)
        if self._waiting:
            faults.point("inbox.after_poll", self._waiting[0].topic)

    def _handle_waiting(self, consumer: Any) -> None:
        """Hand everything in hand to the inbox, in order, staying in the group however long that takes."""
        failures = 0
        while self._waiting and not self._stop.is_set():
            try:
                self._handle_next()
                failures = 0
            except InboxUnavailable as reason:
                failures += 1
                log.warning("records must wait for the database: %s", reason)
                self._idle(consumer, equal_jitter(failures, RETRY_BASE_MS, RETRY_CAP_MS) / 1000)
            if self._waiting and time.monotonic() - self._committed_at > COMMIT_SECONDS:
                self._commit(consumer)
                self._take_one(consumer, 0)

    def _handle_next(self) -> None:
        """Handle the first records in hand: those nobody wants, or a few together, or one."""
        unhandled = list(takewhile(lambda record: not self._inbox.dispatch.of(record), self._waiting))
        if unhandled:
            self._inbox.skim(unhandled)
            return self._finished(unhandled)
        handled = list(islice(takewhile(self._inbox.dispatch.of, self._waiting), max(1, int(self._together))))
        if len(handled) > 1:
            if self._inbox.receive_together(handled):
                self._together = min(TOGETHER, self._together + 1)
                return self._finished(handled)
            self._together /= 2  # poison or a deadlock: the smaller the group, the less is done twice
        for record in handled:
            self._inbox.receive(record)
            self._finished([record])
        self._together = max(1.0, self._together + 0.1)
        return None

    def _finished(self, records: Sequence[Record]) -> None:
        for record in records:
            self._waiting.popleft()
            self._done[record.topic, record.partition] = record.offset + 1
        for topic, count in Counter(record.topic for record in records).items():
            meters.consumed_messages.add(count, meters.attributes("poll", topic, self._inbox.group))

    def _take_one(self, consumer: Any, seconds: float) -> None:
        """Serve the group while records are in hand: a long batch must not look like a dead member."""
        message = consumer.poll(seconds)
        if message is not None:
            self._take([message])

    def _idle(self, consumer: Any, seconds: float) -> None:
        """Stay in the group without fetching more."""
        assignment = consumer.assignment()
        consumer.pause(assignment)
        try:
            until = time.monotonic() + seconds
            while time.monotonic() < until and not self._stop.is_set():
                self._take_one(consumer, 0.1)
        finally:
            consumer.resume(consumer.assignment())

    def _offsets(self) -> list[TopicPartition]:
        """What has been handled and not been committed, for whoever does that now."""
        done, self._done = self._done, {}
        return [TopicPartition(topic, part, offset) for (topic, part), offset in done.items()]

    def _commit(self, consumer: Any, *, now: bool = False) -> None:
        if not self._done or not (now or time.monotonic() - self._committed_at > COMMIT_SECONDS):
            return
        offsets = self._offsets()
        self._committed_at = time.monotonic()
        _commit_now(consumer, offsets, asynchronous=not now)

    def _assigned(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        self._patience = self._alone_most
        self.assigned.set()
        log.info("reading %s", ", ".join(f"{p.topic}[{p.partition}]" for p in partitions))

    def _revoked(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        if consumer is self._consumer:
            self._commit(consumer, now=True)
        self._forget(consumer, partitions)

    def _lost(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        """Somebody else reads these partitions already: nothing of them may be committed."""
        self._forget(consumer, partitions)

    def _forget(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(partitions)
        if consumer is not self._consumer:  # one that was given up
            return
        gone = {(p.topic, p.partition) for p in partitions}
        self._waiting = deque(record for record in self._waiting if (record.topic, record.partition) not in gone)
        for mark in gone:
            self._done.pop(mark, None)
            self._removed.pop(mark, None)
        if not consumer.assignment():
            self.assigned.clear()
            self._alone_since = time.monotonic()


def _polled(consumer: Any) -> list[Any]:
    """Wait for a first message, then take those that lie ready: `consume` alone would wait for a full batch."""
    first = consumer.poll(POLL_SECONDS)
    return [] if first is None else [first, *consumer.consume(BATCH - 1, 0)]


def _commit_now(consumer: Any, offsets: list[TopicPartition], *, asynchronous: bool = False) -> None:
    try:
        consumer.commit(offsets=offsets, asynchronous=asynchronous)
    except KafkaException as reason:  # where it means the end of this client, polling tells so too
        log.warning("offsets are not committed, their records will come again: %s", reason)
    faults.point("inbox.after_offset", offsets[0].topic)
