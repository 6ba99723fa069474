"""Everything that lies in a fleet's topics, read by the test itself."""

from __future__ import annotations

import time
from dataclasses import dataclass

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

LIMIT = 30.0


@dataclass(frozen=True)
class Record:
    """A record where it lies."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]

    @property
    def ce_id(self) -> str:
        return self.headers.get("ce_id", "")

    @property
    def ce_type(self) -> str:
        return self.headers.get("ce_type", "")

    @property
    def is_reply(self) -> bool:
        return "ce_outcome" in self.headers


class Bus:
    """Reads all topics whose names begin so, from their beginning. `records` are in the order of each partition."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "test",
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",
                "log_level": 0,
            }
        )
        self._next: dict[tuple[str, int], int] = {}
        self.records: list[Record] = []

    def close(self) -> None:
        self._consumer.close()

    def read(self) -> list[Record]:
        """All records, once everything that is there now was read."""
        ends = self._ends()
        if new := [place for place in ends if place not in self._next]:
            self._next |= dict.fromkeys(new, 0)
            self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._next.items()])
        limit = time.monotonic() + LIMIT
        while any(self._next[place] < end for place, end in ends.items()):
            assert time.monotonic() < limit, "the topics cannot be read"
            self._take()
        return self.records

    def behind(self, group: str, topics: set[str]) -> dict[tuple[str, int], int]:
        """How many records of these topics a consumer group has not committed, where there are any."""
        asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=LIMIT)
        places = asked[group].result().topic_partitions
        done = {(place.topic, place.partition): max(0, place.offset) for place in places}
        left = {place: end - done.get(place, 0) for place, end in self._ends().items() if place[0] in topics}
        return {place: count for place, count in left.items() if count}

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
                    headers={name: (value or b"").decode() for name, value in message.headers() or ()},
                )
            )

    def _ends(self) -> dict[tuple[str, int], int]:
        topics = self._admin.list_topics(timeout=LIMIT).topics
        wanted = {
            TopicPartition(name, number): OffsetSpec.latest()
            for name, topic in topics.items()
            if name.startswith(self._prefix)
            for number in topic.partitions
        }
        asked = self._admin.list_offsets(wanted, request_timeout=LIMIT)
        return {(place.topic, place.partition): found.result().offset for place, found in asked.items()}
