"""The relay on real servers: nothing lost, each key in order, whatever dies in between."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from chassis import faults
from chassis.dispatch import GAP_TYPE
from chassis.kafka import RecordProducer, Sendable
from chassis.relay import OutboxRelay
from chassis.relay_rules import MOST_ATTEMPTS, Failure
from lab import Bus, Store, first_sequences, until


class Killed(BaseException):
    """The process died here: nothing catches this."""


class StubProducer:
    """Records what is sent and answers as told, by key."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []
        self.failures: dict[str, Failure] = {}

    def send(self, records: Sequence[Sendable], meanwhile: Callable[[], None] | None = None) -> list[Failure | None]:
        self.sent += [(str(r.key), int(str(dict(r.headers)["ce_sequence"]))) for r in records]
        return [self.failures.get(str(record.key)) for record in records]


@pytest.fixture
def producer(kafka_bootstrap: str) -> Iterator[RecordProducer]:
    producer = RecordProducer(kafka_bootstrap, "lab")
    yield producer
    producer.close()


def relay_of(store: Store, producer: object, owner: str = "one") -> OutboxRelay:
    return OutboxRelay(store.database, producer, owner)  # type: ignore[arg-type]


def connected(store: Store) -> psycopg.Connection:
    return psycopg.connect(store.url, autocommit=True)


def drained(store: Store) -> bool:
    return store.value("SELECT count(*) FROM outbox") == 0


def kill_at(label: str) -> None:
    def hook(passed: str, _: str) -> None:
        if passed == label:
            raise Killed(label)

    faults.install(hook)


def test_carries_everything_and_deletes_what_is_acknowledged(store: Store, bus: Bus, producer: RecordProducer) -> None:
    topic = bus.topic()
    store.publish(topic, *(f"k{n % 7}" for n in range(100)))
    relay = relay_of(store, producer)
    relay.start()
    until(lambda: drained(store))
    relay.stop()
    records = bus.read(topic, 100)
    assert len(records) == 100
    assert all(found == list(range(1, len(found) + 1)) for found in first_sequences(records).values())
    one = records[0]
    assert one.headers["ce_sequence"] == f"{one.sequence:020d}"
    assert one.headers["ce_recordedtime"].endswith("Z")
    assert one.headers["ce_partitionkey"] == one.key


def test_is_woken_by_a_commit_with_messages_only(store: Store) -> None:
    relay = relay_of(store, StubProducer())
    with pytest.raises(RuntimeError), store.database.work() as work:
        work.append(store.message("t", "k"))
        raise RuntimeError
    with store.database.work():
        pass
    assert not relay._wake.is_set()
    store.publish("t", "k")
    assert relay._wake.is_set()


def test_late_commit_is_not_lost(store: Store, bus: Bus, producer: RecordProducer) -> None:
    """A transaction that drew its position first and commits last: a cursor over positions would pass over it."""
    topic = bus.topic()
    relay = relay_of(store, producer)
    relay.start()
    with store.database.work() as late:
        late.append(store.message(topic, "late"))
        late.flush()
        store.publish(topic, "early")
        until(lambda: store.value("SELECT count(*) FROM outbox") == 0)
        assert [record.key for record in bus.read(topic, 1)] == ["early"]
    until(lambda: drained(store))
    relay.stop()
    assert sorted(record.key for record in bus.read(topic, 2)) == ["early", "late"]


def test_idle_transaction_in_the_database_stalls_nothing(store: Store, bus: Bus, producer: RecordProducer) -> None:
    topic = bus.topic()
    with connected(store) as other:
        other.execute("BEGIN")
        other.execute("SELECT pg_current_xact_id()")
        store.publish(topic, "k")
        relay = relay_of(store, producer)
        relay.start()
        until(lambda: drained(store))
        relay.stop()


def test_order_of_each_key_with_concurrent_writers(store: Store, bus: Bus, producer: RecordProducer) -> None:
    topic = bus.topic(partitions=3)
    relays = [relay_of(store, producer, owner) for owner in ("one", "two")]
    for relay in relays:
        relay.start()
    keys = [f"k{n}" for n in range(10)]

    def write(seed: int) -> None:
        for turn in range(30):
            store.publish(topic, keys[(seed + turn) % 10], keys[(seed * 3 + turn * 7) % 10])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    until(lambda: drained(store), seconds=60)
    for relay in relays:
        relay.stop()
    found = first_sequences(bus.read(topic, 360))
    assert sum(map(len, found.values())) == 360
    assert all(sequences == list(range(1, len(sequences) + 1)) for sequences in found.values())


@pytest.mark.parametrize("label", ["relay.after_select", "relay.after_send", "relay.after_ack", "relay.after_delete"])
def test_crash_repeats_and_loses_nothing(store: Store, bus: Bus, producer: RecordProducer, label: str) -> None:
    topic = bus.topic()
    store.publish(topic, *(f"k{n % 3}" for n in range(30)))
    relay = relay_of(store, producer, "first")
    with connected(store) as connection:
        relay._leases.keep(connection)
        kill_at(label)
        with pytest.raises(Killed):
            relay.run_once(connection)
    faults.install(None)
    assert store.value("SELECT count(*) FROM outbox") == 30, "nothing is deleted before everything is recorded"
    store.execute("UPDATE lease SET expires_at = clock_timestamp()")  # time passes
    heir = relay_of(store, producer, "second")
    heir.start()
    until(lambda: drained(store))
    heir.stop()
    records = bus.read(topic, 30)
    found = first_sequences(records)
    assert sum(map(len, found.values())) == 30
    assert all(sequences == list(range(1, 11)) for sequences in found.values())
    if label in ("relay.after_ack", "relay.after_delete"):
        assert len(records) == 60, "acknowledged before the crash, so sent again: the inbox drops them"


def test_zombie_owner_records_nothing(store: Store) -> None:
    """An owner that slept past its lease finds the token changed when it wants to delete what it sent."""
    store.publish("t", "k", "k")
    zombie, heir = StubProducer(), StubProducer()
    asleep, awake = threading.Event(), threading.Event()

    def hook(label: str, _: str) -> None:
        if label == "relay.after_ack" and threading.current_thread().name == "zombie":
            asleep.set()
            awake.wait(20)

    def sleepwalk() -> None:
        relay = relay_of(store, zombie, "zombie")
        with connected(store) as connection:
            relay._leases.keep(connection)
            relay.run_once(connection)

    faults.install(hook)
    thread = threading.Thread(target=sleepwalk, name="zombie")
    thread.start()
    assert asleep.wait(20)
    store.execute("UPDATE lease SET expires_at = clock_timestamp() WHERE owner = 'zombie'")
    relay = relay_of(store, heir, "heir")
    with connected(store) as connection:
        relay._leases.keep(connection)
        assert relay.buckets == 64
        store.publish("t", "k")
        awake.set()
        thread.join(20)
        assert store.value("SELECT count(*) FROM outbox") == 3, "the zombie must not delete"
        assert relay.run_once(connection)
    assert drained(store)
    assert heir.sent == [("k", 1), ("k", 2), ("k", 3)]


def test_failed_head_holds_its_key_and_no_other(store: Store) -> None:
    producer = StubProducer()
    producer.failures["bad"] = Failure("message", "no such topic")
    store.publish("t", "bad", "bad", "good")
    relay = relay_of(store, producer)
    with connected(store) as connection:
        relay._leases.keep(connection)
        assert relay.run_once(connection)
        assert store.rows("SELECT msg_key, key_seq, attempts FROM outbox ORDER BY position") == [
            ("bad", 1, 1),
            ("bad", 2, 0),
        ]
        producer.sent.clear()
        store.publish("t", "bad", "good")
        relay.run_once(connection)
        assert producer.sent == [("good", 2)]
        producer.failures.clear()
        producer.sent.clear()
        store.execute("UPDATE outbox SET not_before = clock_timestamp() WHERE not_before IS NOT NULL")
        relay.run_once(connection)
    assert producer.sent == [("bad", 1), ("bad", 2), ("bad", 3)]
    assert drained(store)


def test_broker_away_costs_no_attempts(store: Store) -> None:
    producer = StubProducer()
    producer.failures["k"] = Failure("broker", "all brokers down")
    store.publish("t", "k")
    relay = relay_of(store, producer)
    with connected(store) as connection:
        relay._leases.keep(connection)
        for _ in range(MOST_ATTEMPTS + 2):
            relay.run_once(connection)
    assert store.rows("SELECT attempts, not_before FROM outbox") == [(0, None)]


def test_message_that_is_refused_for_good_is_buried_and_holds_its_key(
    store: Store, bus: Bus, producer: RecordProducer
) -> None:
    topic = bus.topic()
    with store.database.work() as work:
        large = store.message(topic, "k")
        work.append(type(large)(topic, "k", large.ce_id, large.ce_type, large.headers, b"x" * 2_000_000))
        work.append(store.message(topic, "k"))
        work.append(store.message(topic, "other"))
    relay = relay_of(store, producer)
    relay.start()
    until(lambda: store.value("SELECT count(*) FROM outbox_dead") == 1)
    until(lambda: store.value("SELECT count(*) FROM outbox WHERE msg_key = 'other'") == 0)
    assert store.rows("SELECT msg_key, key_seq FROM outbox") == [("k", 2)]
    assert [record.key for record in bus.read(topic, 1)] == ["other"]
    # Discarded, as operators do: a gap marker takes the place of the dead message, so consumers go on.
    store.execute(
        "WITH dead AS (DELETE FROM outbox_dead RETURNING *) INSERT INTO outbox (position, bucket, topic, msg_key,"
        " key_seq, ce_id, ce_type, headers, payload) OVERRIDING SYSTEM VALUE SELECT position, bucket, topic, msg_key,"
        " key_seq, ce_id, %s, headers || jsonb_build_object('ce_type', %s::text), '{}' FROM dead",
        GAP_TYPE,
        GAP_TYPE,
    )
    until(lambda: drained(store))
    relay.stop()
    of_key = [record for record in bus.read(topic, 3) if record.key == "k"]
    assert [(record.ce_type == GAP_TYPE, record.sequence) for record in of_key] == [(True, 1), (False, 2)]


def test_instances_share_the_buckets_and_take_over(store: Store) -> None:
    one, two = relay_of(store, StubProducer(), "one"), relay_of(store, StubProducer(), "two")
    with connected(store) as first, connected(store) as second:
        one._leases.keep(first)
        assert one.buckets == 64
        two._leases.keep(second)
        assert two.buckets == 0, "all are held"
        one._leases.keep(first)
        two._leases.keep(second)
        assert (one.buckets, two.buckets) == (32, 32)
        owners = Counter(
            owner for (owner,) in store.rows("SELECT owner FROM lease WHERE name LIKE 'relay:%%' AND owner IS NOT NULL")
        )
        assert owners == {"one": 32, "two": 32}
        one._leases.release(first)
        two._leases.keep(second)
        assert two.buckets == 64, "released leases are free at once"


def test_survives_the_loss_of_its_connection(store: Store, bus: Bus, producer: RecordProducer) -> None:
    topic = bus.topic()
    relay = relay_of(store, producer)
    relay.start()
    until(lambda: relay.buckets == 64)
    store.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lab-relay'")
    store.publish(topic, "k")
    until(lambda: drained(store))
    relay.stop()
    assert len(bus.read(topic, 1)) == 1
