"""A database with the chassis's tables and topics of its own, for tests of the messaging core."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import Consumer, Producer, TopicPartition

from chassis.codec import JSON, Codec
from chassis.database import Database
from chassis.definition import Definition
from chassis.dispatch import Record
from chassis.kafka import WantedTopic, ensure_topics
from chassis.migrations import migrate
from chassis.outbox import EventOutbox
from chassis.records import record_of
from chassis.work import MessageContext, Outgoing

SOURCE = "/fleet/lab/writer"
TYPE = "lab.Happened.v1"


def until(condition: Callable[[], Any], seconds: float = 20.0, what: str = "") -> Any:
    """Wait for a condition; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain {what}"
        time.sleep(0.01)


@dataclass
class Store:
    """A migrated database and the means to publish plain JSON messages."""

    database: Database
    outbox: EventOutbox
    url: str

    def message(self, topic: str, key: str, n: int = 0, ce_type: str = TYPE) -> Outgoing:
        payload = json.dumps({"n": n}).encode()
        return self.outbox.envelope(
            topic=topic,
            key=key,
            ce_type=ce_type,
            payload=payload,
            context=MessageContext(),
            subject=key,
            content_type=JSON,
        )

    def publish(self, topic: str, *keys: str) -> None:
        with self.database.work() as work:
            for n, key in enumerate(keys):
                work.append(self.message(topic, key, n))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.database.connection() as connection:
            return connection.execute(query.encode(), values).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        return self.rows(query, *values)[0][0]

    def execute(self, query: str, *values: Any) -> None:
        with self.database.connection() as connection:
            connection.execute(query.encode(), values)


@contextmanager
def store_on(url: str) -> Iterator[Store]:
    definition = cast(Definition, SimpleNamespace(source=SOURCE))
    outbox = EventOutbox(definition, cast(Codec, None), {})
    database = Database(url, outbox, application="lab")
    database.open()
    try:
        migrate(database)
        yield Store(database, outbox, url)
    finally:
        database.close()


class Bus:
    """Kafka, with topics that no other test has."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "linger.ms": 1})

    def topic(self, name: str = "events", partitions: int = 2) -> str:
        """A new topic, ready for use."""
        topic = f"lab.{uuid.uuid4().hex[:10]}.{name}"
        ensure_topics(self.bootstrap, [WantedTopic(topic, partitions, 1)])
        until(lambda: topic in self._producer.list_topics(topic, timeout=10).topics, what="for the topic")
        until(lambda: self._producer.list_topics(topic, timeout=10).topics[topic].partitions, what="for partitions")
        return topic

    def write(self, topic: str, key: str, sequence: int, **more: Any) -> str:
        """A record as another service would write it; its `ce_id`."""
        ce_id = more.get("ce_id") or str(uuid.uuid4())
        headers = {
            "ce_id": ce_id,
            "ce_type": more.get("ce_type", TYPE),
            "ce_source": SOURCE,
            "ce_sequence": f"{sequence:020d}",
            "content-type": JSON,
        }
        payload = more.get("payload", json.dumps({"n": sequence}).encode())
        self._producer.produce(topic, payload, key, headers=list(headers.items()))
        assert self._producer.flush(20) == 0
        return ce_id

    def read(self, topic: str, least: int, seconds: float = 20.0) -> list[Record]:
        """All records of a topic, in order of each partition, as soon as there are at least so many."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "lab", "auto.offset.reset": "earliest"})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
            records: list[Record] = []
            deadline = time.monotonic() + seconds
            while len(records) < least or self._remain(consumer, topic, partitions, records):
                assert time.monotonic() < deadline, f"{len(records)} records of {least} after {seconds} s"
                records += [record_of(message) for message in consumer.consume(500, 0.2) if message.error() is None]
            return records
        finally:
            consumer.close()

    def _remain(self, consumer: Any, topic: str, partitions: Any, records: list[Record]) -> bool:
        highs = (consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=5)[1] for p in partitions)
        return len(records) < sum(highs)


def record(topic: str, key: str, sequence: int | None, offset: int, **more: Any) -> Record:
    """A record that never was in Kafka."""
    headers = {"ce_id": more.pop("ce_id", f"{key}-{sequence}"), "ce_type": TYPE, "ce_source": SOURCE}
    if sequence is not None:
        headers["ce_sequence"] = f"{sequence:020d}"
    headers |= more.pop("headers", {})
    return Record(
        topic=topic,
        partition=more.get("partition", 0),
        offset=offset,
        key=key,
        headers=headers,
        payload=b"{}",
        raw_key=key.encode(),
        raw_headers=tuple((name, value.encode()) for name, value in headers.items()),
    )


def first_sequences(records: list[Record]) -> dict[str, list[int]]:
    """The sequences of each key in order of arrival, repetitions of a message left out."""
    seen: set[str] = set()
    found: dict[str, list[int]] = {}
    for each in records:
        if each.ce_id not in seen:
            seen.add(each.ce_id)
            found.setdefault(each.key, []).append(each.sequence or 0)
    return found
