"""Events on the bus, counted by ourselves: what a saga says of itself is not taken on trust."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, TopicPartition

_LIMIT = 10.0


class EventCounter:
    """Reads some topics from now on; counts the distinct events of each correlation by type."""

    def __init__(self, bootstrap: str, topics: Iterable[str]) -> None:
        """Begin at the end of every partition."""
        settings = {"bootstrap.servers": bootstrap, "group.id": "fleetgen.smoke", "enable.auto.commit": False}
        self._consumer = Consumer({**settings, "log_level": 0})
        # A question to the broker waits behind a fetch on the same connection, half a second each; so it has its own.
        self._asking = Consumer({**settings, "log_level": 0})
        self._topics = sorted(set(topics))
        self._seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._place: dict[tuple[str, int], int] = {}
        for topic, partition in self._partitions():
            self._place[topic, partition] = self._end(topic, partition)
        self._assign()

    def close(self) -> None:
        """Leave."""
        self._consumer.close()
        self._asking.close()

    def counted(self, correlation: str) -> dict[str, int]:
        """Number of events by type, once everything that is there now was read."""
        ends = {place: self._end(*place) for place in self._partitions()}
        if new := [place for place in ends if place not in self._place]:
            self._place |= dict.fromkeys(new, 0)  # a topic that appeared on first use
            self._assign()
        limit = time.monotonic() + _LIMIT
        while any(self._place[place] < end for place, end in ends.items()) and time.monotonic() < limit:
            record = self._consumer.poll(0.2)
            if record is not None and record.error() is None:
                self._note(record)
        return {type_: len(ids) for type_, ids in self._seen[correlation].items()}

    def _partitions(self) -> list[tuple[str, int]]:
        known = self._asking.list_topics(timeout=_LIMIT).topics
        return [(topic, number) for topic in self._topics if topic in known for number in known[topic].partitions]

    def _end(self, topic: str, partition: int) -> int:
        end: int = self._asking.get_watermark_offsets(TopicPartition(topic, partition), timeout=_LIMIT)[1]
        return end

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._place.items()])

    def _note(self, record: Any) -> None:
        self._place[record.topic(), record.partition()] = record.offset() + 1
        headers = {name: value.decode() for name, value in record.headers() or () if value is not None}
        seen = self._seen[headers.get("ce_correlationid", "")]
        seen[headers.get("ce_type", "")].add(headers.get("ce_id", ""))
