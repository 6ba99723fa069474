"""Reads topics from their beginning with a consumer of its own that belongs to no group and commits nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from chassis.dispatch import Record
from chassis.kafka import in_no_group, librdkafka_log
from chassis.records import record_of

log = logging.getLogger(__name__)

BATCH, SILENT_MOST = 500, 30.0  # records, seconds without any record before the brokers are taken to be away
ASK_SECONDS = 10.0


class ReplayStalled(Exception):
    """The brokers do not answer, or stopped giving records that they have."""


class Replay:
    """One reading of some topics. Use as a context manager; for one thread."""

    def __init__(self, bootstrap: str, topics: Sequence[str], group: str) -> None:
        self._topics = topics
        self._reached: dict[tuple[str, int], int] = {}
        self.truncated = False  # retention has removed the beginning of a partition
        self._consumer: Any = Consumer(
            {
                **in_no_group(bootstrap, f"{group}.rebuild"),
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16_384,
            },
            logger=librdkafka_log,
        )

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def rest(self) -> Iterator[list[Record]]:
        """All records that are in the topics by now and were not read before, in batches.

        Raises:
            ReplayStalled: the brokers are away.
        """
        ends = self._ends()
        last = time.monotonic()
        while any(self._reached[place] < end for place, end in ends.items()):
            batch = [record for record in map(self._noted, self._consumer.consume(BATCH, 0.5)) if record is not None]
            if batch:
                last = time.monotonic()
                yield batch
            elif time.monotonic() - last > SILENT_MOST:
                raise ReplayStalled("the brokers give nothing more, though there is more")

    def _noted(self, message: Any) -> Record | None:
        error = message.error()
        if error is not None:
            if error.code() not in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                log.warning("rebuild: %s", error)
            return None
        self._reached[message.topic(), message.partition()] = (message.offset() or 0) + 1
        return record_of(message)

    def _ends(self) -> dict[tuple[str, int], int]:
        """Where each partition ends at this moment; partitions that are new are read from their beginning."""
        try:
            marks = {place: self._watermarks(place) for place in self._partitions()}
        except KafkaException as reason:
            raise ReplayStalled(str(reason)) from reason
        new = [place for place in marks if place not in self._reached]
        for place in new:
            self._reached[place] = marks[place][0]
            self.truncated = self.truncated or marks[place][0] > 0
        if new:
            self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._reached.items()])
        return {place: high for place, (_, high) in marks.items()}

    def _partitions(self) -> list[tuple[str, int]]:
        found = []
        for topic in self._topics:
            known = self._consumer.list_topics(topic, timeout=ASK_SECONDS).topics[topic]
            if known.error is None:  # a topic that nobody has written to yet has nothing to give
                found += [(topic, partition) for partition in known.partitions]
        return found

    def _watermarks(self, place: tuple[str, int]) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=ASK_SECONDS)
        return low, high
