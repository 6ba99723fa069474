"""Retry topics, dead letters and their redrive, on a real broker and a real database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from chassis import faults
from chassis.consumer import RecordConsumer
from chassis.dead_letters import DeadLetters
from chassis.desk import DeadLetterDesk
from chassis.dispatch import Dispatch, PermanentFailure, Record
from chassis.forwarding import Forwarding
from chassis.http.orders import Order, Redrive
from chassis.http.problem import Problem
from chassis.inbox import Inbox
from chassis.kafka import RecordProducer, ensure_topics
from chassis.letters import LetterReader
from chassis.redelivery import Redelivery
from chassis.redrive_rules import Filter
from chassis.retry_reader import RetryReader
from chassis.retry_rules import retry_topics
from chassis.work import UnitOfWork
from lab import TYPE, Bus, Store, until

DELAYS = (2.0, 2.5, 3.0, 4.0)
ORDER = Order("ada", "mended", "")


class Group:
    """A consumer group of one member, whose handler notes each try and its effect in tables."""

    def __init__(
        self, store: Store, bus: Bus, topic: str, *, ordered: bool = False, advance: bool = False, tries: int = 8
    ) -> None:
        self.store, self.bus, self.topic = store, bus, topic
        self.name = f"lab.{uuid.uuid4().hex[:8]}"
        self.fail: Callable[[Record], Any] = lambda record: None
        self.tries: list[tuple[str, float]] = []
        store.execute("CREATE TABLE IF NOT EXISTS effect (n serial, grp text, ce_id text, msg_key text, seq int)")
        dispatch = Dispatch()
        dispatch.on(TYPE, self._handle)
        unordered = frozenset() if ordered else frozenset({topic})
        self.inbox = Inbox(
            store.database, dispatch, self.name, unordered=unordered, attempts=tries, sleep=lambda seconds: None
        )
        self.producer = RecordProducer(bus.bootstrap, self.name)
        letters = DeadLetters(
            self.producer, self.name, "lab", lambda wanted: ensure_topics(bus.bootstrap, wanted), delays=DELAYS
        )
        self.redelivery = Redelivery(self.inbox, letters, lambda record, after: [], advance=advance, poll=0.05)
        self.inbox.on_parked = self.redelivery.wake
        self.inbox.forward = Forwarding(self.inbox, letters)
        again = retry_topics(topic, self.name, ordered=ordered)
        letters.prepare([(topic, ordered)])
        self.retries = RetryReader(bus.bootstrap, self.inbox, again)
        self.consumer = RecordConsumer(bus.bootstrap, self.inbox, [topic])
        self.desk = DeadLetterDesk(
            store.database,
            self.inbox,
            LetterReader(bus.bootstrap, self.name).read,
            self.producer,
            frozenset({topic}),
            owner="one",
        )

    def _handle(self, record: Record, work: UnitOfWork) -> None:
        self.tries.append((record.ce_id, time.monotonic()))
        work.connection.execute(
            "INSERT INTO effect (grp, ce_id, msg_key, seq) VALUES (%s, %s, %s, %s)",
            (self.name, record.ce_id, record.key, record.sequence),
        )
        self.fail(record)

    def effects(self) -> list[str]:
        return [row[0] for row in self.store.rows("SELECT ce_id FROM effect WHERE grp = %s ORDER BY n", self.name)]

    def letters(self, state: str | None = None) -> list[dict[str, Any]]:
        return self.desk.letters(self.topic, state)  # type: ignore[arg-type]

    @contextmanager
    def running(self) -> Iterator[None]:
        parts = (self.redelivery, self.retries, self.consumer)
        for part in parts:
            part.start()
        try:
            until(lambda: self.retries.assigned.is_set() and self.consumer.assigned.is_set(), what="for partitions")
            yield
        finally:
            for part in reversed(parts):
                part.stop()
            self.producer.close()


def poison(*ids: str) -> Callable[[Record], None]:
    def fail(record: Record) -> None:
        if record.ce_id in ids:
            raise TimeoutError("poison")

    return fail


def test_unordered_poison_passes_all_retry_topics_in_their_time(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1))
    bad = str(uuid.uuid4())
    group.fail = poison(bad)
    with group.running():
        bus.write(group.topic, "k", 1, ce_id=bad)
        until(lambda: len(group.tries) == 3, what="for the tries in place")
        good = bus.write(group.topic, "k", 2)
        until(lambda: good in group.effects(), what="for the record behind it")
        until(lambda: group.letters("open"), 60, "for the dead letter")
    moments = [at for ce_id, at in group.tries if ce_id == bad]
    assert len(moments) == 5 * 3, "in each topic three tries in place"
    firsts, lasts = moments[0::3], moments[2::3]
    waits = [after - before for before, after in zip(lasts, firsts[1:], strict=False)]
    assert waits == pytest.approx(DELAYS, rel=0.2)
    (letter,) = group.letters()
    assert (letter["id"], letter["reason"], letter["error"]) == (bad, "timeout", "TimeoutError: poison")
    assert (letter["attempts"], letter["redrives"]) == ("5", 0)
    assert store.rows("SELECT ce_id, outcome FROM inbox ORDER BY outcome") == [(bad, "dead"), (good, "ok")]


def test_retry_record_is_the_record_with_where_and_why(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1))
    with group.running():
        group.fail = lambda record: None if len(group.tries) > 3 else poison(record.ce_id)(record)
        ce_id = bus.write(group.topic, "k", 1)
        until(lambda: group.effects() == [ce_id])
    (again,) = bus.read(f"{group.topic}.{group.name}.retry.1", 1)
    (original,) = bus.read(group.topic, 1)
    assert (again.raw_key, again.payload) == (original.raw_key, original.payload)
    kept = [header for header in again.raw_headers if not header[0].startswith(("dlq_", "retry_"))]
    assert kept == list(original.raw_headers)
    headers = again.headers
    assert (headers["dlq_topic"], headers["dlq_partition"], headers["dlq_offset"]) == (group.topic, "0", "0")
    assert headers["dlq_timestamp"] == str(original.timestamp)
    wait = datetime.fromisoformat(headers["retry_not_before"]) - datetime.fromisoformat(headers["dlq_first_failed_at"])
    assert wait.total_seconds() == pytest.approx(DELAYS[0], abs=0.01)


def test_what_cannot_work_is_a_dead_letter_at_once(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1))

    def never(record: Record) -> None:
        raise PermanentFailure("no such thing", "schema")

    group.fail = never
    with group.running():
        bus.write(group.topic, "k", 1)
        until(lambda: group.letters("open"))
    assert len(group.tries) == 1


def test_redriven_record_reaches_its_group_alone_and_once(store: Store, bus: Bus) -> None:
    topic = bus.topic(partitions=1)
    mine, other = Group(store, bus, topic), Group(store, bus, topic)

    def never(record: Record) -> None:
        if record.key == "bad":
            raise PermanentFailure("for now")

    mine.fail = never
    with mine.running(), other.running():
        bad = [bus.write(topic, "bad", n) for n in (1, 2)]
        spare = bus.write(topic, "bad", 3, payload=b'{"spare": 1}')
        until(lambda: len(mine.letters("open")) == 3 and len(other.effects()) == 3)
        assert mine.desk.redrive(topic, Redrive(dry_run=True), ORDER)["chosen"] == 3
        assert mine.letters("redriven") == [], "a dry run does nothing"
        mine.fail = lambda record: None
        wanted = Redrive(Filter(ids=frozenset(bad)))
        assert mine.desk.redrive(topic, wanted, ORDER)["done"] == 2
        assert mine.desk.redrive(topic, wanted, ORDER)["done"] == 0, "once"
        until(lambda: mine.effects() == bad)
        seen = len(other.tries)
        assert [each["id"] for each in mine.letters("open")] == [spare]
    assert (seen, sorted(other.effects())) == (3, sorted([*bad, spare]))
    (first, second) = bus.read(f"{topic}.{mine.name}.retry.0", 2)
    letters = bus.read(f"{topic}.{mine.name}.dlq", 3)
    for again, letter in zip((first, second), letters, strict=False):
        count = [header for header in letter.raw_headers if header[0] != "dlq_redrive_count"]
        assert list(again.raw_headers) == [*count, ("dlq_redrive_count", b"1")]
        assert (again.raw_key, again.payload) == (letter.raw_key, letter.payload)
    rows = store.rows("SELECT done, actor, reason FROM dead_letter")
    assert rows == [("redriven", "ada", "mended")] * 2


def test_fourth_redrive_is_refused_unless_by_force(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1))

    def never(record: Record) -> None:
        raise PermanentFailure("for ever")

    group.fail = never
    with group.running():
        ce_id = bus.write(group.topic, "k", 1)
        for redrives in range(3):
            until(lambda redrives=redrives: [each["redrives"] for each in group.letters("open")] == [redrives])
            assert group.desk.redrive(group.topic, Redrive(), ORDER)["done"] == 1
        until(lambda: [each["redrives"] for each in group.letters("open")] == [3])
        told = group.desk.redrive(group.topic, Redrive(), ORDER)
        assert (told["done"], told["refused"]) == (0, [{"id": ce_id, "redrives": 3}])
        group.fail = lambda record: None
        assert group.desk.redrive(group.topic, Redrive(), Order("ada", "sure", "", force=True))["done"] == 1
        until(lambda: group.effects() == [ce_id])


@pytest.mark.parametrize("ordered", [False, True])
def test_crash_between_sending_and_noting_a_redrive_repeats_no_effect(store: Store, bus: Bus, ordered: bool) -> None:
    group = Group(store, bus, bus.topic(partitions=1), ordered=ordered, tries=1)

    class Killed(BaseException):
        pass

    def never(record: Record) -> None:
        raise PermanentFailure("for now")

    def hook(label: str, _: str) -> None:
        if label == "redrive.after_produce":
            raise Killed

    group.fail = never
    with group.running():
        ids = [bus.write(group.topic, f"k{n}", 1) for n in range(3)]
        until(lambda: len(group.letters("open")) == 3)
        group.fail = lambda record: None
        faults.install(hook)
        with pytest.raises(Killed):
            group.desk.redrive(group.topic, Redrive(), ORDER)
        faults.install(None)
        told = group.desk.redrive(group.topic, Redrive(), ORDER)
        assert told["done"] in (2, 3), "the first is handled already, or sent twice"
        until(lambda: sorted(group.effects()) == sorted(ids))
        until(lambda: not group.letters("open"))
    assert len(bus.read(f"{group.topic}.{group.name}.retry.0", 3)) == told["done"] + 1
    assert sorted(group.effects()) == sorted(ids)


def test_redrive_of_a_held_key_goes_on_in_order(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1), ordered=True, tries=1)
    with group.running():
        bad = str(uuid.uuid4())
        group.fail = poison(bad)
        bus.write(group.topic, "k", 1, ce_id=bad)
        behind = [bus.write(group.topic, "k", n) for n in (2, 3)]
        until(lambda: group.letters("open"))
        until(lambda: store.value("SELECT count(*) FROM inbox_parked") == 3)
        assert group.effects() == []
        group.fail = lambda record: None
        assert group.desk.redrive(group.topic, Redrive(), ORDER)["done"] == 1
        until(lambda: group.effects() == [bad, *behind])
        until(lambda: store.value("SELECT count(*) FROM inbox_parked") == 0)


def test_discarded_letter_lets_its_key_go_on(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1), ordered=True, tries=1)
    with group.running():
        bad = str(uuid.uuid4())
        group.fail = poison(bad)
        bus.write(group.topic, "k", 1, ce_id=bad)
        behind = bus.write(group.topic, "k", 2)
        until(lambda: group.letters("open"))
        assert group.desk.discard(group.topic, Redrive(), ORDER)["done"] == 1
        until(lambda: group.effects() == [behind])
        assert [each["state"] for each in group.letters()] == ["discarded"]
        assert group.desk.redrive(group.topic, Redrive(), ORDER)["chosen"] == 0


def test_rate_is_kept_and_what_is_left_is_said(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1))

    def never(record: Record) -> None:
        raise PermanentFailure("for now")

    group.fail = never
    with group.running():
        for n in range(6):
            bus.write(group.topic, f"k{n}", 1)
        until(lambda: len(group.letters("open")) == 6)
        group.fail = lambda record: None
        begun = time.monotonic()
        told = group.desk.redrive(group.topic, Redrive(limit=5, rate=4.0), ORDER)
        assert (told["done"], told["left"]) == (5, 1)
        assert time.monotonic() - begun >= 4 / 4.0
        until(lambda: len(group.effects()) == 5)


def test_two_operators_at_once(store: Store, bus: Bus) -> None:
    group = Group(store, bus, bus.topic(partitions=1))
    with group.desk._alone(group.topic), pytest.raises(Problem) as busy:
        group.desk.redrive(group.topic, Redrive(), ORDER)
    assert (busy.value.status, busy.value.kind) == (409, "busy")
    assert group.desk.redrive(group.topic, Redrive(), ORDER)["chosen"] == 0, "the lease is given back"
    with pytest.raises(Problem) as unknown:
        group.desk.letters("not.ours")
    assert unknown.value.status == 404


def test_retried_record_waits_for_the_database(store: Store, bus: Bus) -> None:
    """Neither its place nor its time is lost when the database is away while it is due."""
    import psycopg

    group = Group(store, bus, bus.topic(partitions=1))
    away = True

    def fail(record: Record) -> None:
        if record.level > 0 and away:
            raise psycopg.OperationalError("server closed the connection")
        if record.level < 0:
            raise TimeoutError("once")

    group.fail = fail
    with group.running():
        ce_id = bus.write(group.topic, "k", 1)
        until(lambda: sum(1 for _ in group.tries) >= 5, what="for tries while the database is away")
        away = False
        until(lambda: group.effects() == [ce_id], 30)
    assert group.letters() == []
