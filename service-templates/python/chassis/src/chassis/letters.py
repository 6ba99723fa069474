"""Reads a topic of dead letters from its beginning to its present end, in no group: letters stay where they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from chassis.dispatch import Record
from chassis.inbox_store import KEPT_DAYS
from chassis.kafka import in_no_group, librdkafka_log
from chassis.records import record_of
from chassis.redrive_rules import Letter
from chassis.work import Connection

MOST = 10_000
"""Letters of a partition that are looked at: the newest."""
SECONDS = 8.0
_SETTLING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
"""A topic that was made this moment, or moves."""


class LettersUnavailable(Exception):
    """The broker does not give the letters now."""


class LetterReader:
    """Reads the letters of one consumer group."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._config = {**in_no_group(bootstrap, f"{group}.letters"), "enable.partition.eof": True}

    def read(self, topic: str) -> list[Letter]:
        """All letters in the order of the topic; none for a topic that does not exist.

        Raises:
            LettersUnavailable: the broker is away, or too slow.
        """
        until = time.monotonic() + SECONDS
        while True:
            try:
                with self._consumer() as consumer:
                    return [Letter(record) for record in _read(consumer, topic, until)]
            except KafkaException as reason:
                if time.monotonic() > until or reason.args[0].code() not in _SETTLING:
                    raise LettersUnavailable(str(reason)) from reason
            time.sleep(0.1)

    @contextmanager
    def _consumer(self) -> Iterator[Any]:
        consumer = Consumer(self._config, logger=librdkafka_log)
        try:
            yield consumer
        finally:
            consumer.close()


def _read(consumer: Any, topic: str, until: float) -> list[Record]:
    ends = _ends(consumer, topic)
    found: list[Record] = []
    consumer.assign([TopicPartition(topic, partition, start) for partition, (start, _) in ends.items()])
    open_ = {partition for partition, (start, end) in ends.items() if start < end}
    while open_:
        if time.monotonic() > until:
            raise LettersUnavailable(f"{topic} could not be read in time")
        for message in consumer.consume(500, timeout=0.5):
            partition = message.partition()
            if _is_record(message):
                found.append(record_of(message))
            if message.error() is not None or message.offset() + 1 >= ends[partition][1]:
                open_.discard(partition)
    return sorted(found, key=lambda record: (record.partition, record.offset))


def _ends(consumer: Any, topic: str) -> dict[int, tuple[int, int]]:
    """Where to begin and to end in each partition."""
    known = consumer.list_topics(topic, timeout=5.0).topics[topic]
    if known.error is not None:
        if known.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return {}
        raise KafkaException(known.error)
    marks = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=5.0) for p in known.partitions}
    return {partition: (max(low, high - MOST), high) for partition, (low, high) in marks.items()}


def _is_record(message: Any) -> bool:
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    return error is None


_SWEEP = """
DELETE FROM dead_letter WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM dead_letter WHERE at < now() - make_interval(days => %s) LIMIT %s))
"""
SWEEP_BATCH = 5_000


def sweep(connection: Connection) -> int:
    """Forget one batch of letters that are gone from their topic; how many went."""
    return connection.execute(_SWEEP, (KEPT_DAYS, SWEEP_BATCH)).rowcount


Read = Callable[[str], list[Letter]]
"""`LetterReader.read`."""
