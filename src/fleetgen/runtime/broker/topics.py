"""Readiness of a broker and the topics of a fleet, through Kafka's own client."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from fleetgen.facts.schema import TopicFact
from fleetgen.runtime.events import RuntimeProblem

_PROBE = "fleetgen.readiness"
_QUIET: dict[str, Any] = {"log_level": 0, "socket.timeout.ms": 5000, "reconnect.backoff.max.ms": 200}


def answers(bootstrap: str, limit: float) -> bool:
    """Whether a record comes back within `limit` seconds: more than an open port or a line in a log."""
    end = time.monotonic() + limit
    mark = uuid.uuid4().bytes
    place: list[tuple[int, int]] = []

    def placed(error: KafkaError | None, message: Any) -> None:
        if error is None:
            place.append((message.partition(), message.offset()))

    producer = Producer({"bootstrap.servers": bootstrap, "message.timeout.ms": int(limit * 1000), **_QUIET})
    producer.produce(_PROBE, mark, on_delivery=placed)
    producer.flush(limit)
    if not place:
        return False
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": _PROBE, "enable.auto.commit": False, **_QUIET})
    try:
        consumer.assign([TopicPartition(_PROBE, *place[0])])
        while time.monotonic() < end:
            record = consumer.poll(0.2)
            if record is not None and record.error() is None and record.value() == mark:
                return True
        return False
    finally:
        consumer.close()


def await_broker(bootstrap: Callable[[], str], limit: float, going_on: Callable[[], bool]) -> str:
    """Wait for the round trip of a record; returns the address. `going_on` is false once the process has ended."""
    end = time.monotonic() + limit
    while time.monotonic() < end and going_on():
        address = bootstrap()
        if address and answers(address, min(20.0, max(1.0, end - time.monotonic()))):
            return address
        time.sleep(0.05)
    raise RuntimeProblem("the broker does not answer", "see `fleetgen logs broker`")


def create_topics(bootstrap: str, topics: Iterable[TopicFact], limit: float = 60) -> tuple[str, ...]:
    """Create what is not there, one replica each on this machine; returns the names of the new ones."""
    wanted = {topic.name: topic for topic in topics}
    admin = AdminClient({"bootstrap.servers": bootstrap, **_QUIET})
    present = set(admin.list_topics(timeout=limit).topics)
    new = [
        NewTopic(
            name,
            num_partitions=topic.partitions,
            replication_factor=1,
            config={"retention.ms": str(int(topic.retention * 1000))},
        )
        for name, topic in sorted(wanted.items())
        if name not in present
    ]
    if not new:
        return ()
    results = admin.create_topics(new, operation_timeout=limit, request_timeout=limit)
    created = tuple(name for name, done in sorted(results.items()) if _created(name, done))
    _await_topics(admin, set(wanted), limit)
    return created


def touch_topics(bootstrap: str, topics: Iterable[TopicFact], limit: float = 30) -> None:
    """Use each topic once, so that a broker without admin calls makes it before a consumer waits for it."""
    producer = Producer({"bootstrap.servers": bootstrap, **_QUIET})
    for name in sorted({topic.name for topic in topics}):
        producer.list_topics(name, timeout=limit)


def _created(name: str, done: Future[None]) -> bool:
    try:
        done.result()
    except KafkaException as failure:
        if failure.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise RuntimeProblem(f"topic `{name}` cannot be created: {failure.args[0].str()}") from failure
        return False
    return True


def _await_topics(admin: AdminClient, names: set[str], limit: float) -> None:
    """A broker may take a moment before it shows a topic that it has just made."""
    end = time.monotonic() + limit
    while not names <= set(admin.list_topics(timeout=limit).topics):
        if time.monotonic() > end:
            raise RuntimeProblem("the broker does not show its topics", "see `fleetgen logs broker`")
        time.sleep(0.05)
