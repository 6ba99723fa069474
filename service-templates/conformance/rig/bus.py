"""Everything that lies in a fleet's topics, read by the suite itself, and what the suite writes there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

LIMIT = 60.0
MARK = "conformance"
"""A header of records that the suite wrote: they are in no outbox."""


@dataclass(frozen=True)
class Record:
    """A record where it lies."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes | None
    at: int  # milliseconds since 1970, when it was written

    @property
    def ce_id(self) -> str:
        return self.headers.get("ce_id", "")

    @property
    def ce_type(self) -> str:
        return self.headers.get("ce_type", "")

    @property
    def sequence(self) -> int:
        return int(self.headers.get("ce_sequence", "0"))

    @property
    def is_reply(self) -> bool:
        return "ce_outcome" in self.headers

    @property
    def by_suite(self) -> bool:
        return MARK in self.headers

    @property
    def digest(self) -> str:
        """Of the value, as PostgreSQL's `md5` writes it."""
        return hashlib.md5(self.value or b"").hexdigest()


class Bus:
    """Reads all topics whose names begin so, from where they ended when it was made."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "conformance",
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",
                "log_level": 0,
            }
        )
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "log_level": 0})
        self._next: dict[tuple[str, int], int] = self.ends()
        self._assigned: set[tuple[str, int]] = set()
        self.records: list[Record] = []

    def close(self) -> None:
        self._consumer.close()

    def read(self) -> list[Record]:
        """All records, once everything that is there now was read; those of a partition are in its order."""
        ends = self.ends()
        self._next |= {place: 0 for place in ends if place not in self._next}
        if set(ends) - self._assigned:
            self._assigned = set(self._next)
            self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._next.items()])
        limit = time.monotonic() + LIMIT
        while any(self._next[place] < end for place, end in ends.items()):
            assert time.monotonic() < limit, "the topics cannot be read"
            self._take()
        return self.records

    def of(self, topic: str, key: str = "") -> list[Record]:
        """Those of one topic, and of one key of it."""
        return [record for record in self.read() if record.topic == topic and key in ("", record.key)]

    def write(
        self, topic: str, key: str, headers: Mapping[str, str], value: bytes | None, partition: int | None = None
    ) -> None:
        """A record of the suite's own."""
        named = [(name, text.encode()) for name, text in {**headers, MARK: "1"}.items()]
        place = {} if partition is None else {"partition": partition}
        self._producer.produce(topic, key=key.encode(), value=value, headers=named, **place)
        self._producer.poll(0)

    def again(self, records: Iterable[Record], **changed: str) -> None:
        """Write records once more, as a producer does that did not hear of its success."""
        for record in records:
            self.write(record.topic, record.key, {**record.headers, **changed}, record.value, record.partition)
        self.flush()

    def flush(self) -> None:
        """Wait until all that was written is acknowledged."""
        assert self._producer.flush(LIMIT) == 0, "the broker does not take the suite's records"

    def behind(self, group: str, topics: set[str]) -> dict[tuple[str, int], int]:
        """How many records of these topics a consumer group has not committed, where there are any."""
        places = self._committed(group)
        done = {(place.topic, place.partition): max(0, place.offset) for place in places}
        left = {place: end - done.get(place, 0) for place, end in self.ends().items() if place[0] in topics}
        return {place: count for place, count in left.items() if count}

    def _committed(self, group: str) -> list[TopicPartition]:
        limit = time.monotonic() + LIMIT
        while True:
            asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=10)
            try:
                found: list[TopicPartition] = asked[group].result().topic_partitions
                return found
            except KafkaException:  # the broker was killed under the client: ask by another one
                if time.monotonic() > limit:
                    raise
                self._admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})

    def pass_over(self, groups: Iterable[str]) -> None:
        """Let consumer groups without members go on behind everything that lies there now."""
        places = [TopicPartition(topic, part, end) for (topic, part), end in self.ends().items()]
        limit = time.monotonic() + LIMIT
        for group in groups:
            while not self._passed_over(group, places):  # a member that died is one until its session ends
                assert time.monotonic() < limit, f"the offsets of {group} cannot be changed"
                time.sleep(0.5)

    def _passed_over(self, group: str, places: list[TopicPartition]) -> bool:
        asked = self._admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
        try:
            return all(place.error is None for place in asked[group].result(LIMIT).topic_partitions)
        except KafkaException:
            return False

    def ends(self) -> dict[tuple[str, int], int]:
        """Where the next record of each partition will lie."""
        limit = time.monotonic() + LIMIT
        while True:
            try:
                return self._ends()
            except KafkaException:  # a leader is being chosen, or the broker has just come back
                if time.monotonic() > limit:
                    raise
                time.sleep(0.1)

    def _ends(self) -> dict[tuple[str, int], int]:
        topics = self._admin.list_topics(timeout=LIMIT).topics
        wanted = {
            TopicPartition(name, number): OffsetSpec.latest()
            for name, topic in topics.items()
            if name.startswith(self._prefix)
            for number in topic.partitions
        }
        if not wanted:
            return {}
        asked = self._admin.list_offsets(wanted, request_timeout=LIMIT)
        return {(place.topic, place.partition): found.result().offset for place, found in asked.items()}

    def _take(self) -> None:
        for message in self._consumer.consume(500, 0.1):
            assert message.error() is None, message.error()
            self._next[message.topic(), message.partition()] = message.offset() + 1
            self.records.append(
                Record(
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                    key=(message.key() or b"").decode(),
                    headers={name: (value or b"").decode(errors="replace") for name, value in message.headers() or ()},
                    value=message.value(),
                    at=message.timestamp()[1],
                )
            )


def firsts(records: Iterable[Record]) -> Iterator[Record]:
    """Records without those that repeat an earlier one of the same topic."""
    seen: set[tuple[str, str]] = set()
    for record in records:
        if (record.topic, record.ce_id) not in seen:
            seen.add((record.topic, record.ce_id))
            yield record


def name_of(ce_type: str) -> str:
    """The middle of `context.Event.v1`, however many dots the context has."""
    return ce_type.rsplit(".", 2)[-2]
