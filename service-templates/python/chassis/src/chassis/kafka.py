"""Kafka clients, set up the same everywhere in the fleet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chassis.relay_rules import Failure

log = logging.getLogger(__name__)
librdkafka_log = logging.getLogger("librdkafka")

Headers = list[tuple[str, str | bytes | None]]

# Nothing is wrong with the message: it goes when the broker, or the way to it, is back.
_BROKER_CODES = frozenset({
    KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._FATAL, KafkaError._PURGE_QUEUE,
    KafkaError._PURGE_INFLIGHT, KafkaError._QUEUE_FULL, KafkaError._STATE, KafkaError._SSL,
    KafkaError._AUTHENTICATION, KafkaError.REQUEST_TIMED_OUT, KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.BROKER_NOT_AVAILABLE, KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError.UNKNOWN_PRODUCER_ID, KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.KAFKA_STORAGE_ERROR,
})  # fmt: skip
_FATAL_CODES = frozenset({
    KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD,
    KafkaError.TOPIC_EXCEPTION, KafkaError._INVALID_ARG,
})  # fmt: skip
# A broker that is down is asked for twice a second, not ten times.
RECONNECT = {"reconnect.backoff.ms": 500, "reconnect.backoff.max.ms": 5_000}
_UNANSWERED = Failure("broker", "no answer")


def in_group(bootstrap: str, group: str, session_seconds: float) -> dict[str, Any]:
    """Settings of a consumer that shares topics with the other members of its group and commits by itself."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(session_seconds * 1000),
        "heartbeat.interval.ms": int(session_seconds * 1000 / 3),
        "fetch.wait.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 30_000,
        **RECONNECT,
    }


def in_no_group(bootstrap: str, name: str) -> dict[str, Any]:
    """Settings of a consumer that only looks: the client wants a `name`, but no group is joined, nothing committed."""
    return {
        "bootstrap.servers": bootstrap,
        "group.id": name,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "log_level": 3,
        **RECONNECT,
    }


@dataclass(frozen=True, slots=True)
class Sendable:
    """A record on its way to the broker."""

    topic: str
    key: str | bytes | None
    headers: Headers
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic that should exist. `retention` is in seconds."""

    name: str
    partitions: int = 3
    replicas: int = 3
    retention: float = 7 * 86_400


def failure_of(error: KafkaError) -> Failure:
    """Whose fault an error is."""
    code, text = error.code(), f"{error.name()}: {error.str()}"
    if code in _FATAL_CODES:
        return Failure("fatal", text)
    return Failure("broker" if code in _BROKER_CODES or error.retriable() or error.fatal() else "message", text)


class RecordProducer:
    """Sends records in order and waits until the brokers have them. Threads may share it.

    An idempotent producer that lost its place refuses everything from then on: it is replaced by a new one.
    """

    def __init__(self, bootstrap: str, client_id: str, **overrides: Any) -> None:
        self._config = {
            "bootstrap.servers": bootstrap,
            "client.id": client_id,
            "partitioner": "murmur2_random",  # as Java's clients choose, so that all agree on a key's partition
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 2,
            "message.timeout.ms": 10_000,
            "message.max.bytes": 1_048_576,
            "log_level": 4,
            **RECONNECT,
            **overrides,
        }
        self._producer: Any = None
        self._spoiled = False
        self._lock = threading.Lock()

    def warm_up(self, seconds: float = 10.0) -> None:
        """Connect, learn where topics are, and get an identity: the first record would have to wait for all of that."""
        with self._lock:
            producer = self._made()
        try:
            producer.list_topics(timeout=seconds)
        except KafkaException as reason:
            log.info("the broker does not answer yet: %s", reason)

    def _made(self) -> Any:
        if self._producer is None or self._spoiled:
            self._producer, self._spoiled = Producer(self._config, logger=librdkafka_log), False
        return self._producer

    def send(self, records: Sequence[Sendable], meanwhile: Callable[[], None] | None = None) -> list[Failure | None]:
        """Send all and wait; gives for each `None` when all in-sync replicas have it.

        `meanwhile` runs once when all are on their way, and again and again while waiting.
        """
        with self._lock:
            self._made()
            results: list[Failure | None] = [_UNANSWERED] * len(records)
            refused: set[tuple[str, str | bytes | None]] = set()
            for index, record in enumerate(records):
                mark = (record.topic, record.key)
                # What the client itself refuses is known at once, so nothing of its key need go before it.
                if mark in refused or not self._produce(record, self._noting(results, index)):
                    refused.add(mark)
            if meanwhile:
                meanwhile()
            while self._producer.flush(0.5) > 0:
                if meanwhile:
                    meanwhile()
            return results

    def _noting(self, results: list[Failure | None], index: int) -> Callable[[KafkaError | None, Any], None]:
        def note(error: KafkaError | None, _: Any) -> None:
            results[index] = None if error is None else self._judged(error)

        return note

    def _produce(self, record: Sendable, note: Callable[[KafkaError | None, Any], None]) -> bool:
        """Put a record on its way; whether the client took it."""
        while True:
            try:
                self._producer.produce(
                    record.topic, record.payload, record.key, headers=record.headers, on_delivery=note
                )
                return True
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as reason:
                note(reason.args[0], None)
                return False

    def _judged(self, error: KafkaError) -> Failure:
        self._spoiled = self._spoiled or error.fatal() or error.code() == KafkaError._FATAL
        return failure_of(error)

    def close(self) -> None:
        """Wait shortly for what is under way."""
        with self._lock:
            if self._producer is not None:
                self._producer.flush(2.0)
                self._producer = None


def answers(bootstrap: str, seconds: float = 5.0) -> bool:
    """Whether a broker answers a client that comes new."""
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}, logger=librdkafka_log)
    try:
        client.list_topics(timeout=seconds)
    except KafkaException:
        return False
    return True


def ensure_topics(bootstrap: str, topics: Iterable[WantedTopic], timeout: float = 10.0) -> None:
    """Create the topics that are missing. Where a broker forbids or cannot do that, they are somebody else's duty.

    A cluster with fewer brokers than wanted replicas gets as many replicas as it has brokers.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3}, logger=librdkafka_log)
    try:
        cluster = admin.list_topics(timeout=timeout)
    except KafkaException as reason:
        log.warning("cannot look for topics: %s", reason)
        return
    missing = [topic for topic in topics if topic.name not in cluster.topics]
    if not missing or cluster.controller_id not in cluster.brokers:  # without a controller there is nobody to ask
        return
    created = admin.create_topics(
        [_new_topic(topic, len(cluster.brokers)) for topic in missing], request_timeout=timeout
    )
    for name, future in created.items():
        try:
            future.result()
            log.info("created topic %s", name)
        except KafkaException as reason:
            if reason.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                log.warning("cannot create topic %s: %s", name, reason)


def _new_topic(topic: WantedTopic, brokers: int) -> NewTopic:
    replicas = max(1, min(topic.replicas, brokers))
    config = {
        "retention.ms": str(int(topic.retention * 1000)),
        "min.insync.replicas": str(max(1, replicas - 1)),
        "unclean.leader.election.enable": "false",
    }
    return NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=replicas, config=config)
