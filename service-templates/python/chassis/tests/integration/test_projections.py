"""Copies and read models on real servers: fed, measured, and built anew while the world goes on."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from chassis import faults
from chassis.consumer import RecordConsumer
from chassis.inbox import Inbox
from chassis.message import FieldError, InvalidMessage
from chassis.projected import ProjectedRows, freshness
from chassis.projection_rules import Change, Row, fold
from chassis.projections.freshness import Progress
from chassis.projections.handling import Projector
from chassis.projections.rebuilding import Rebuilder
from chassis.projections.store import ProjectionStore
from chassis.records import Record
from chassis.service import Service
from lab import Bus, Store, until
from projection_lab import KINDS, Owner, ProductMade, ProductsRow, copying, kept, plain, prepared, record_of_said, write


class Follower:
    """A service that copies products, as a consumer and a rebuilder."""

    def __init__(self, store: Store, bus: Bus, topic: str, **more: Any) -> None:
        self.store = store
        self.service: Service = copying(topic, **more)
        self.projector: Projector = prepared(store, self.service)
        self.rebuilder = Rebuilder(store.database, self.projector, bus.bootstrap, self.service.definition.group)
        inbox = Inbox(store.database, self.projector.handlers(), self.service.definition.group)
        self.consumer = RecordConsumer(bus.bootstrap, inbox, [topic])
        self.consumer.on_pass = Progress(store.database, self.service.definition.projections)

    @contextmanager
    def consuming(self) -> Iterator[None]:
        self.consumer.start()
        try:
            yield
        finally:
            self.consumer.stop()

    def want(self) -> None:
        self.store.execute("UPDATE projection SET wanted_at = clock_timestamp()")

    def rebuild(self) -> bool:
        self.want()
        return self.rebuilder.build_wanted()

    def state(self) -> dict[str, Any]:
        columns = "generation, building, wanted_at, built_at, read, carried, last_error"
        (row,) = self.store.rows(f"SELECT {columns} FROM projection")
        return dict(zip(columns.split(", "), row, strict=True))


def history(owner: Owner, seed: int, products: int = 12, events: int = 120) -> list[Any]:
    """What the owner says over time."""
    chance = random.Random(seed)
    said = [owner.say(n, "ProductMade", price=n, label=f"product {n}") for n in range(products)]
    for n in range(events):
        kind = chance.choice(["ProductPriced"] * 5 + ["ProductEnded"])
        said.append(owner.say(chance.randrange(products), kind, **({"price": n} if kind == "ProductPriced" else {})))
    return said


@pytest.mark.parametrize("seed", range(5))
def test_the_table_obeys_the_rules(store: Store, seed: int) -> None:
    """The pure fold is the oracle: any order of arrival, repetitions, streams that change."""
    projector = prepared(store, copying("t"))
    products, owner, chance = projector.stores["products"], Owner(), random.Random(seed)
    change = projector.changes(products)
    arrivals = [record_of_said(each) for each in history(owner, seed, 5, 40)]
    arrivals += chance.choices(arrivals, k=30)
    chance.shuffle(arrivals)
    rows: dict[str, Row] = {}
    with store.database.connection() as connection:
        for record in arrivals:
            made = change(record)
            assert made is not None
            before = rows.get(made.subject)
            rows[made.subject] = fold(before, made)
            assert products.apply(connection, made, 1) is (rows[made.subject] is not before)
    everything = dict.fromkeys(("price", "label", "state"))
    assert kept(store) == {who: everything | plain(row.values) for who, row in rows.items()}


def test_a_copy_follows_its_owner_and_says_how_fresh_it_is(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(), Owner()
    follower = Follower(store, bus, topic)
    for said in history(owner, 1):
        write(bus, topic, said)
    with follower.consuming():
        until(lambda: kept(store) == owner.truth, what="for the copy")
        with store.database.connection() as connection:
            assert freshness(connection, "products").as_of is None  # events from before it was declared may be missing
        assert follower.rebuild()
        seconds = until(lambda: _age(store), what="for its freshness")
        assert 0 <= seconds < 10
        write(bus, topic, owner.say(1, "ProductPriced", price=4711))
        until(lambda: kept(store) == owner.truth, what="for the last event")


def _age(store: Store) -> float | None:
    with store.database.connection() as connection:
        return freshness(connection, "products").seconds


def test_freshness_does_not_advance_while_an_event_waits(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(partitions=1), Owner()
    follower = Follower(store, bus, topic)
    write(bus, topic, owner.say(1, "ProductMade", price=1, label="x"))
    follower.rebuild()
    with follower.consuming():
        until(lambda: _age(store), what="for its freshness")
        blocked = threading.Event()
        go_on = threading.Event()

        def hook(label: str, _: str) -> None:
            if label == "projection.after_apply" and not go_on.is_set():
                blocked.set()
                go_on.wait(20)

        faults.install(hook)
        write(bus, topic, owner.say(1, "ProductPriced", price=2))
        assert blocked.wait(20)
        first = store.value("SELECT projection_as_of(topics) FROM projection")
        until(lambda: (_age(store) or 0) > 1.5, what="for the copy to age")
        assert store.value("SELECT projection_as_of(topics) FROM projection") == first
        go_on.set()
        until(lambda: (_age(store) or 9) < 1.0, what="for the copy to be fresh again")


def test_a_parked_event_holds_freshness_back(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(partitions=1), Owner()
    follower = Follower(store, bus, topic)
    follower.rebuild()
    write(bus, topic, owner.say(1, "ProductMade", price="not a number", label="x"))
    with follower.consuming():
        parked_at = until(lambda: store.rows("SELECT parked_at FROM inbox_parked"), what="for the parked event")[0][0]
        until(lambda: store.rows("SELECT 1 FROM projection_progress WHERE as_of > %s", parked_at))
        assert store.value("SELECT projection_as_of(topics) FROM projection") == parked_at


def test_a_copy_that_comes_later_gets_what_happened_before(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(), Owner()
    for said in history(owner, 2):
        write(bus, topic, said)
    follower = Follower(store, bus, topic)
    assert follower.rebuilder.build_wanted()  # wanted since it was declared
    assert kept(store) == owner.truth
    assert follower.state() | {"built_at": None} == {
        "generation": 2, "building": None, "wanted_at": None, "built_at": None, "read": 132, "carried": 0,
        "last_error": None,
    }  # fmt: skip


def test_a_rebuild_equals_the_owners_data_with_duplicates_and_while_events_arrive(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(), Owner()
    follower = Follower(store, bus, topic)
    for said in history(owner, 3):
        ce_id = write(bus, topic, said)
        if said[1] % 3 == 0:
            write(bus, topic, said, ce_id)  # a relay that died after the broker had it
    with follower.consuming():
        until(lambda: kept(store) == owner.truth, what="for the copy")
        store.execute("UPDATE products_copy SET price = -1, label = 'spoilt'")
        stop = threading.Event()

        def go_on() -> None:
            n = 1000
            while not stop.is_set():
                n += 1
                write(bus, topic, owner.say(n % 12, "ProductPriced", price=n))
                time.sleep(0.02)

        live = threading.Thread(target=go_on)
        live.start()
        try:
            for _ in range(3):
                before = follower.state()["generation"]
                assert follower.rebuild()
                assert follower.state()["generation"] == before + 1
                assert "spoilt" not in str(kept(store))
        finally:
            stop.set()
            live.join()
        until(lambda: kept(store) == owner.truth, 60, what="for the events that came meanwhile")
    assert store.value("SELECT count(DISTINCT _generation) FROM products_copy") == 1


def test_no_reader_sees_half_a_rebuild(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(), Owner()
    for said in history(owner, 4, products=12, events=0):
        write(bus, topic, said)
    follower = Follower(store, bus, topic)
    assert follower.rebuilder.build_wanted()
    seen: set[int] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(len(kept(store)))

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(3):
        assert follower.rebuild()
    stop.set()
    reader.join()
    assert seen == {12}


def test_a_live_event_that_the_rebuild_has_not_read_is_never_lost(store: Store, bus: Bus) -> None:
    """An event is handled after the rebuild caught up and before it changes over."""
    topic, owner = bus.topic(), Owner()
    write(bus, topic, owner.say(1, "ProductMade", price=1, label="x"))
    follower = Follower(store, bus, topic)

    def hook(label: str, _: str) -> None:
        if label == "projection.before_switch":
            write(bus, topic, owner.say(1, "ProductPriced", price=2))
            until(lambda: kept(store) == owner.truth, what="for the live event")

    with follower.consuming():
        until(lambda: kept(store) == owner.truth)
        faults.install(hook)
        assert follower.rebuild()
        assert kept(store) == owner.truth
        assert follower.state()["generation"] == 2


def test_a_rebuild_that_dies_leaves_the_rows_and_is_done_again(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(), Owner()
    for said in history(owner, 5):
        write(bus, topic, said)
    follower = Follower(store, bus, topic)
    assert follower.rebuilder.build_wanted()

    def die(label: str, _: str) -> None:
        if label == "projection.before_switch":
            raise RuntimeError("killed")

    faults.install(die)
    assert not follower.rebuild()
    assert "killed" in follower.state()["last_error"]
    assert kept(store) == owner.truth
    faults.install(None)
    assert follower.rebuilder.build_wanted()
    assert follower.state()["last_error"] is None
    assert kept(store) == owner.truth
    assert store.value("SELECT count(*) FROM products_copy") == len(owner.truth)


def test_two_instances_do_not_rebuild_at_once(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(), Owner()
    write(bus, topic, owner.say(1, "ProductMade", price=1, label="x"))
    follower = Follower(store, bus, topic)
    with store.database.dedicated("another") as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('projection products', 0))")
        assert not follower.rebuilder.build_wanted()
        assert follower.state()["generation"] == 1
    assert follower.rebuilder.build_wanted()
    assert follower.state()["generation"] == 2


def test_what_the_topic_has_lost_is_carried_over(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(partitions=1), Owner()
    write(bus, topic, owner.say(1, "ProductMade", price=1, label="lost"))
    write(bus, topic, owner.say(2, "ProductMade", price=2, label="lost too"))
    follower = Follower(store, bus, topic)
    assert follower.rebuilder.build_wanted()
    admin = AdminClient({"bootstrap.servers": bus.bootstrap})
    ((_, removed),) = admin.delete_records([TopicPartition(topic, 0, 2)]).items()
    try:
        removed.result(10)
    except Exception as reason:
        if "KAFKA_BOOTSTRAP" in os.environ:  # a real broker, as the pipeline has, must be able to
            raise
        pytest.skip(f"the mock broker removes no records: {reason}")
    write(bus, topic, owner.say(1, "ProductPriced", price=11))
    write(bus, topic, owner.say(3, "ProductMade", price=3, label="kept"))
    with follower.consuming():
        until(lambda: kept(store) == owner.truth, what="for the copy")
    assert follower.rebuild()
    assert kept(store) == owner.truth
    assert follower.state()["carried"] == 2


def test_rows_of_records_that_cannot_be_read_any_more_stay(
    store: Store, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild that passes over a record knows less than the table: what it does not give is carried over."""
    topic, owner = bus.topic(partitions=1), Owner()
    write(bus, topic, owner.say(1, "ProductMade", price=1, label="one"))
    write(bus, topic, owner.say(2, "ProductMade", price=2, label="two"))
    follower = Follower(store, bus, topic)
    assert follower.rebuild()
    changes = follower.projector.changes

    def picky(table: ProjectionStore) -> Callable[[Record], Change | None]:
        read = changes(table)

        def change(record: Record) -> Change | None:
            if record.key == str(UUID(int=2)):
                raise InvalidMessage((FieldError("/price", "cannot be read any more"),))
            return read(record)

        return change

    monkeypatch.setattr(follower.projector, "changes", picky)
    assert follower.rebuild()
    assert follower.state()["carried"] == 1
    assert kept(store) == owner.truth


def test_a_new_definition_is_built_anew_and_the_same_one_is_not(store: Store, bus: Bus) -> None:
    topic = bus.topic()
    follower = Follower(store, bus, topic)
    assert follower.rebuilder.build_wanted()
    with store.database.connection() as connection:
        follower.projector.declare(connection)
    assert follower.state()["wanted_at"] is None
    changed = copying(topic)
    model = changed.definition.copies[0]
    other = changed.definition.model_copy(update={"copies": (model.model_copy(update={"fields": model.fields[:-1]}),)})
    with store.database.connection() as connection:
        Projector(
            Service(definition=other, messages=changed.messages, handlers={}, tables=changed.tables), _NO
        ).declare(connection)
    assert follower.state()["wanted_at"] is not None


_NO: Any = None


def test_a_translator_stands_before_the_copy(store: Store, bus: Bus) -> None:
    @_own_term
    class Ware:
        sku: str
        price: int
        label: str

    def translate(event: ProductMade) -> Ware:
        return Ware(sku=event.sku, price=event.price * 100, label=f"our {event.label}")

    topic, owner = bus.topic(), Owner()
    follower = Follower(store, bus, topic, translators={"ProductMade": translate})
    write(bus, topic, owner.say(1, "ProductMade", price=3, label="cup"))
    assert follower.rebuilder.build_wanted()
    rows = ProjectedRows(ProductsRow, name="products", table="products_copy", key="sku")
    with store.database.work() as work:
        assert rows.get(work, "sku-1") is None  # the own term lacks what a row must have
    store.execute("UPDATE products_copy SET product_id = _subject::uuid")
    with store.database.work() as work:
        row = rows.get(work, "sku-1")
    assert row is not None
    assert (row.price, row.label, row.product_id) == (300, "our cup", UUID(int=1))


def _own_term(cls: type[Any]) -> Any:
    from dataclasses import dataclass

    return dataclass(frozen=True, kw_only=True)(cls)


def test_several_aggregates_may_speak_of_one_key(store: Store, bus: Bus) -> None:
    topic, owner = bus.topic(), Owner()
    write(bus, topic, owner.say(1, "ProductMade", price=1, label="old"))
    follower = Follower(store, bus, topic)
    write(bus, topic, owner.say(8, "ProductPriced", price=2))  # the same sku
    assert follower.rebuilder.build_wanted()
    rows = ProjectedRows(ProductsRow, name="products", table="products_copy", key="sku")
    with store.database.work() as work:
        row = rows.get(work, "sku-1")
        assert rows.get(work, "sku-6") is None
    assert row is not None
    assert (row.price, row.label) == (2, "old")


def test_every_kind_is_tried() -> None:
    assert {said[2] for said in history(Owner(), 1)} == set(KINDS)
