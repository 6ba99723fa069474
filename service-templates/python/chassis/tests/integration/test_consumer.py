"""From topic to effect and back, on real servers."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer

from chassis import faults
from chassis.consumer import RecordConsumer
from chassis.dead_letters import DeadLetters, Reason
from chassis.dispatch import Dispatch, Record
from chassis.inbox import Inbox
from chassis.kafka import RecordProducer, ensure_topics
from chassis.redelivery import Redelivery
from chassis.refetch import TopicReader
from chassis.relay import OutboxRelay
from chassis.work import UnitOfWork
from lab import SOURCE, TYPE, Bus, Store, first_sequences, record, until


class Reader:
    """A consumer whose handler writes what it sees into a table."""

    def __init__(self, store: Store, bus: Bus, topic: str, group: str, member: str = "") -> None:
        self.store, self.topic = store, topic
        self.fail: Callable[[Record], Any] = lambda record: None
        dispatch = Dispatch()
        dispatch.on(TYPE, self._handle)
        self.inbox = Inbox(store.database, dispatch, group)
        self.consumer = RecordConsumer(bus.bootstrap, self.inbox, [topic], member=member)

    def _handle(self, record: Record, work: UnitOfWork) -> None:
        self.fail(record)
        work.connection.execute(
            "INSERT INTO effect (ce_id, msg_key, seq, payload) VALUES (%s, %s, %s, %s)",
            (record.ce_id, record.key, record.sequence, record.payload),
        )

    def count(self) -> int:
        return int(self.store.value("SELECT count(*) FROM effect"))


@pytest.fixture
def effects(store: Store) -> Store:
    store.execute("CREATE TABLE effect (n serial, ce_id text, msg_key text, seq int, payload bytea)")
    return store


def new_group() -> str:
    return f"lab.{uuid.uuid4().hex[:8]}"


@contextmanager
def running(*parts: Any) -> Iterator[None]:
    for part in parts:
        part.start()
    try:
        yield
    finally:
        for part in reversed(parts):
            part.stop()


def test_from_one_outbox_to_the_other_side(effects: Store, bus: Bus) -> None:
    topic = bus.topic()
    producer = RecordProducer(bus.bootstrap, "lab")
    relay = OutboxRelay(effects.database, producer, "one")
    reader = Reader(effects, bus, topic, new_group())
    with running(relay, reader.consumer):
        for n in range(10):
            effects.publish(topic, *(f"k{(n + m) % 5}" for m in range(10)))
        until(lambda: reader.count() == 100, what="for 100 effects")
    producer.close()
    for key in (f"k{n}" for n in range(5)):
        found = [seq for (seq,) in effects.rows("SELECT seq FROM effect WHERE msg_key = %s ORDER BY n", key)]
        assert found == list(range(1, 21))


def test_restarted_consumer_goes_on_where_it_was(effects: Store, bus: Bus) -> None:
    topic, group = bus.topic(), new_group()
    bus.write(topic, "k", 1)
    first = Reader(effects, bus, topic, group, "member-1")
    with running(first.consumer):
        until(lambda: first.count() == 1)
    bus.write(topic, "k", 2)
    second = Reader(effects, bus, topic, group, "member-1")
    handled: list[int | None] = []
    second.fail = lambda record: handled.append(record.sequence)
    with running(second.consumer):
        until(lambda: second.count() == 2)
    assert handled == [2], "the first offset was committed"


@pytest.mark.parametrize("label", ["inbox.after_poll", "inbox.after_effect", "inbox.after_commit"])
def test_crashed_consumer_repeats_no_effect(effects: Store, bus: Bus, label: str) -> None:
    """The thread dies at the label without committing offsets, as a killed process would."""
    topic, group = bus.topic(partitions=1), new_group()
    for n in range(1, 11):
        bus.write(topic, "k", n)
    crashes = 0

    class Killed(BaseException):
        pass

    def hook(passed: str, _: str) -> None:
        nonlocal crashes
        if passed == label and crashes < 3:
            crashes += 1
            raise Killed

    faults.install(hook)
    for _ in range(4):
        reader = Reader(effects, bus, topic, group, "member-1")
        reader.consumer._commit = lambda *_, **__: None  # type: ignore[method-assign]  # nor on the way out
        thread = threading.Thread(target=_until_killed, args=(reader.consumer, Killed))
        thread.start()
        until(lambda thread=thread, done=reader.consumer._done: not thread.is_alive() or 10 in done.values())
        reader.consumer._stop.set()
        thread.join(20)
    assert crashes == 3
    assert [seq for (seq,) in effects.rows("SELECT seq FROM effect ORDER BY n")] == list(range(1, 11))


def _until_killed(consumer: RecordConsumer, killed: type[BaseException]) -> None:
    try:
        consumer._consume_until_stopped()
    except killed:
        return


def test_poison_does_not_stop_the_partition(effects: Store, bus: Bus) -> None:
    topic = bus.topic(partitions=1)
    reader = Reader(effects, bus, topic, new_group())

    def poisoned(record: Record) -> None:
        if record.key == "bad":
            raise RuntimeError("poison")

    reader.fail = poisoned
    with running(reader.consumer):
        for n in range(1, 4):
            bus.write(topic, "bad", n)
            bus.write(topic, "good", n)
        until(lambda: reader.count() == 3)
        until(lambda: effects.value("SELECT count(*) FROM inbox_parked") == 3)
    assert {key for (key,) in effects.rows("SELECT msg_key FROM effect")} == {"good"}


def test_lost_record_is_fetched_from_the_topic(effects: Store, bus: Bus) -> None:
    """A record that never reached the inbox although it lies in the topic."""
    topic = bus.topic(partitions=1)
    for n in range(1, 6):
        bus.write(topic, "k", n)
        bus.write(topic, "other", n)
    reader = Reader(effects, bus, topic, new_group())
    records = [each for each in bus.read(topic, 10) if each.key == "k"]
    for each in (records[0], records[3], records[4]):
        reader.inbox.receive(each)
    assert effects.value("SELECT count(*) FROM inbox_parked") == 2
    producer = RecordProducer(bus.bootstrap, "lab")
    letters = DeadLetters(producer, reader.inbox.group, "lab")
    missing = TopicReader(bus.bootstrap, reader.inbox.group).missing
    redelivery = Redelivery(reader.inbox, letters, missing, refetch_after=0.0, poll=0.05)
    effects.execute("UPDATE inbox_parked SET next_at = now() WHERE next_at < 'infinity'")
    with running(redelivery):
        until(lambda: reader.count() == 5)
    producer.close()
    assert [seq for (seq,) in effects.rows("SELECT seq FROM effect ORDER BY n")] == [1, 2, 3, 4, 5]
    assert effects.value("SELECT count(*) FROM inbox_parked") == 0


def test_dead_letter_is_the_record_byte_for_byte(effects: Store, bus: Bus) -> None:
    """Also with what text cannot hold: a key and a header that are no UTF-8, a repeated and an absent header."""
    topic, group = bus.topic(partitions=1), new_group()
    ensure_dlq = f"{topic}.{group}.dlq"
    headers: list[tuple[str, bytes | None]] = [
        ("ce_id", b"one"), ("ce_type", TYPE.encode()), ("ce_source", SOURCE.encode()), ("x", b"\xff\x00"),
        ("twice", b"1"), ("twice", b"2"), ("absent", None), ("tracestate", b"kept=1"),
    ]  # fmt: skip
    key, payload = b"\xfe\x00key", b"\x00\xff" * 20
    writer = Producer({"bootstrap.servers": bus.bootstrap})
    writer.produce(topic, payload, key, partition=0, headers=headers)
    assert writer.flush(20) == 0

    def poisoned(_: Record) -> None:
        raise ValueError("cannot read this")

    reader = Reader(effects, bus, topic, group)
    reader.fail = poisoned
    reader.inbox.attempts = 1
    producer = RecordProducer(bus.bootstrap, "lab")
    letters = DeadLetters(producer, group, "lab-service", lambda wanted: ensure_topics(bus.bootstrap, wanted))
    redelivery = Redelivery(reader.inbox, letters, lambda record, after: [], poll=0.05)
    reader.inbox.on_parked = redelivery.wake
    with running(redelivery, reader.consumer):
        until(lambda: effects.value("SELECT count(*) FROM inbox_parked WHERE next_at = 'infinity'") == 1, seconds=60)
    producer.close()
    (letter,) = bus.read(ensure_dlq, 1)
    assert (letter.raw_key, letter.payload) == (key, payload)
    original = [header for header in letter.raw_headers if not header[0].startswith("dlq_")]
    assert sorted(original, key=str) == sorted(headers, key=str)
    added = {name: value for name, value in letter.headers.items() if name.startswith("dlq_")}
    assert {
        "dlq_topic": topic,
        "dlq_partition": "0",
        "dlq_offset": "0",
        "dlq_group": group,
        "dlq_service": "lab-service",
        "dlq_reason": "handler",
        "dlq_error_class": "ValueError",
        "dlq_error_message": "cannot read this",
        "dlq_attempts": "1",
        "dlq_redrive_count": "0",
    }.items() <= added.items()
    assert added.keys() >= {"dlq_timestamp", "dlq_handler", "dlq_first_failed_at", "dlq_last_failed_at"}


def test_tombstone_is_a_record_like_others(effects: Store, bus: Bus) -> None:
    topic = bus.topic(partitions=1)
    bus.write(topic, "k", 1, payload=None)
    bus.write(topic, "k", 2, payload=b"")
    reader = Reader(effects, bus, topic, new_group())
    with running(reader.consumer):
        until(lambda: reader.count() == 2)
    assert effects.rows("SELECT payload FROM effect ORDER BY n") == [(None,), (b"",)]


def test_records_wait_while_the_database_is_away(effects: Store, bus: Bus) -> None:
    topic = bus.topic(partitions=1)
    reader = Reader(effects, bus, topic, new_group())
    away = True

    def refuse(_: Record) -> None:
        if away:
            raise psycopg.OperationalError("server closed the connection")

    reader.fail = refuse
    with running(reader.consumer):
        for n in range(1, 6):
            bus.write(topic, "k", n)
        until(reader.consumer.assigned.is_set)
        until(lambda: reader.consumer._waiting)
        assert effects.value("SELECT count(*) FROM inbox_parked") == 0
        away = False
        until(lambda: reader.count() == 5)
    assert effects.value("SELECT count(*) FROM inbox_parked") == 0


def test_consumer_begins_anew_after_a_fatal_error(effects: Store, bus: Bus) -> None:
    topic = bus.topic(partitions=1)
    bus.write(topic, "k", 1)
    reader = Reader(effects, bus, topic, new_group())
    real, failed = reader.consumer._handle_waiting, []

    def fail_once(consumer: Any) -> None:
        if not failed:
            failed.append(True)
            raise RuntimeError("fenced")
        real(consumer)

    reader.consumer._handle_waiting = fail_once  # type: ignore[method-assign]
    with running(reader.consumer):
        until(lambda: reader.count() == 1)


def test_two_members_share_the_topic_and_lose_nothing(effects: Store, bus: Bus) -> None:
    topic, group = bus.topic(partitions=4), new_group()
    readers = [Reader(effects, bus, topic, group, f"member-{n}") for n in range(2)]
    writer = Producer({"bootstrap.servers": bus.bootstrap, "partitioner": "murmur2_random"})

    def write(sequences: range) -> None:
        for sequence in sequences:
            for k in range(10):
                headers = list(record(topic, f"k{k}", sequence, 0).headers.items())
                writer.produce(topic, b"{}", f"k{k}", headers=headers)
        assert writer.flush(20) == 0

    with running(readers[0].consumer):
        write(range(1, 21))
        until(lambda: readers[0].count() > 50)
        with running(readers[1].consumer):
            write(range(21, 41))
            until(lambda: readers[0].count() >= 400, seconds=60)
    rows = effects.rows("SELECT msg_key, seq FROM effect ORDER BY n")
    assert len(rows) == 400
    for k in range(10):
        assert [seq for key, seq in rows if key == f"k{k}"] == list(range(1, 41))


def test_key_may_begin_where_retention_ended(effects: Store, bus: Bus) -> None:
    topic = bus.topic(partitions=1)
    reader = Reader(effects, bus, topic, new_group())
    assert not reader.consumer.beginning_removed(topic, 0), "not known before the consumer runs"
    bus.write(topic, "k", 5)
    with running(reader.consumer):
        until(lambda: effects.value("SELECT count(*) FROM inbox_parked") == 1)
        assert not reader.consumer.beginning_removed(topic, 0)


def test_reason_is_read_from_the_failure() -> None:
    reason = Reason.parsed("schema: PermanentFailure: a: b", 8, "then")
    assert (reason.kind, reason.error_class, reason.text) == ("schema", "PermanentFailure", "a: b")


def test_first_sequences_sees_through_repetitions() -> None:
    records = [record("t", "k", n, n) for n in (1, 2, 1, 3)]
    assert first_sequences(records) == {"k": [1, 2, 3]}
