"""Migrations, units of work and aggregates on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest

from chassis.aggregates import AggregateTable
from chassis.database import Database
from chassis.domain import Conflict, NotFound
from chassis.identity import uuid7
from chassis.message import InvalidMessage, message
from chassis.migrations import MigrationError, chassis_migrations, migrate
from chassis.values import Money
from lab import Store, until


@pytest.fixture
def bare(database_url: str) -> Iterator[Database]:
    database = Database(database_url, cast(Any, SimpleNamespace()), application="bare")
    database.open()
    yield database
    database.close()


def tables(database: Database) -> set[str]:
    with database.connection() as connection:
        return {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def test_migrating_twice_is_nothing(bare: Database) -> None:
    assert migrate(bare) == tuple(migration.name for migration in chassis_migrations())
    assert migrate(bare) == ()
    assert tables(bare) >= {"outbox", "outbox_key", "inbox", "saga_instance", "lease", "idempotency"}


def test_instances_that_start_together_migrate_once(bare: Database, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_count.sql").write_text("CREATE TABLE counted (n int); INSERT INTO counted VALUES (1);")
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: migrate(bare, None, folder), range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(tuple(chassis_migrations())) + 1]
    with bare.connection() as connection:
        assert connection.execute("SELECT count(*) FROM counted").fetchone() == (1,)


def test_generated_tables_run_again_when_they_change_and_own_files_by_number(bare: Database, tmp_path: Path) -> None:
    generated, folder = tmp_path / "gen" / "tables.sql", tmp_path / "migrations"
    folder.mkdir()
    generated.parent.mkdir()
    generated.write_text('CREATE TABLE IF NOT EXISTS "order" (id int)')
    (folder / "0010_b.sql").write_text("ALTER TABLE own ADD COLUMN b int")
    (folder / "2_a.sql").write_text("CREATE TABLE own (a int)")
    applied = migrate(bare, generated, folder)
    assert applied[-3:] == ("gen/tables.sql", "service/2_a.sql", "service/0010_b.sql")
    assert migrate(bare, generated, folder) == ()
    generated.write_text('ALTER TABLE "order" ADD COLUMN IF NOT EXISTS note text')
    assert migrate(bare, generated, folder) == ("gen/tables.sql",)


def test_changed_and_broken_migrations_stop_the_start(bare: Database, tmp_path: Path) -> None:
    own = tmp_path / "0001_own.sql"
    own.write_text("CREATE TABLE own (a int)")
    migrate(bare, None, tmp_path)
    own.write_text("CREATE TABLE own (a bigint)")
    with pytest.raises(MigrationError, match="write a new file instead"):
        migrate(bare, None, tmp_path)
    own.write_text("CREATE TABLE own (a int)")
    (tmp_path / "0002_half.sql").write_text("CREATE TABLE half (a int); SELECT nonsense;")
    with pytest.raises(MigrationError, match="0002_half"):
        migrate(bare, None, tmp_path)
    assert "half" not in tables(bare), "a file is applied whole or not at all"
    (tmp_path / "nameless.sql").write_text("")
    with pytest.raises(MigrationError, match="nameless"):
        migrate(bare, None, tmp_path)


def test_dead_connections_are_replaced_before_work_begins(store: Store) -> None:
    for _ in range(3):
        store.rows("SELECT 1")
    with psycopg.connect(store.url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lab'")
    for _ in range(5):
        assert store.value("SELECT 1") == 1
    assert store.database.ready()


def test_no_connection_is_left_behind(store: Store) -> None:
    for _ in range(30):
        with pytest.raises(psycopg.Error), store.database.work() as work:
            work.connection.execute("SELECT nonsense")
        with pytest.raises(KeyError), store.database.work():
            raise KeyError
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lab' AND state LIKE 'idle in%%'"
    assert store.value(open_ones) == 0
    assert store.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lab'") <= 12


def test_not_ready_without_database(database_url: str) -> None:
    database = Database(database_url.replace("/t", "/missing"), cast(Any, SimpleNamespace()))
    database._pool.open(wait=False)
    assert not database.ready()
    database.close()


class Phase(StrEnum):
    OPEN = "open"
    SHUT = "shut"


@message
class Line:
    sku: str
    price: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class Basket:
    basket_id: UUID
    owner: str
    count: int
    weight: Decimal
    sum_: Money
    lines: tuple[Line, ...]
    paid: bool
    due: date
    changed: datetime
    span: timedelta
    phase: Phase
    note: str | None = None
    gift: Line | None = None


TABLE = """
CREATE TABLE "order" (
  basket_id uuid PRIMARY KEY, owner text NOT NULL, count bigint NOT NULL, weight numeric NOT NULL, sum_ jsonb NOT NULL,
  lines jsonb NOT NULL, paid boolean NOT NULL, due date NOT NULL, changed timestamptz NOT NULL, span interval NOT NULL,
  phase text NOT NULL, note text, gift jsonb, _version bigint NOT NULL)
"""


def basket(**changed: Any) -> Basket:
    values: dict[str, Any] = {
        "basket_id": uuid7(), "owner": "ann", "count": 2, "weight": Decimal("1.250"), "sum_": Money(7, "EUR"),
        "lines": (Line(sku="x", price=Money(7, "EUR")),), "paid": False, "due": date(2026, 1, 31),
        "changed": datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC), "span": timedelta(hours=36, milliseconds=5),
        "phase": Phase.OPEN,
    }  # fmt: skip
    return Basket(**(values | changed))


@pytest.fixture
def baskets(store: Store) -> AggregateTable[Basket]:
    store.execute(TABLE)
    return AggregateTable(Basket, "order", "basket_id")


def test_aggregate_comes_back_as_it_was(store: Store, baskets: AggregateTable[Basket]) -> None:
    plain = basket()
    full = basket(note="n", gift=Line(sku="g", price=Money(0, "EUR")), phase=Phase.SHUT, lines=())
    with store.database.work() as work:
        baskets.add(work, plain)
        baskets.add(work, full)
    with store.database.work() as work:
        assert [baskets.get(work, plain.basket_id), baskets.get(work, str(full.basket_id))] == [plain, full]
        assert baskets.get(work, full.basket_id).phase is Phase.SHUT


def test_saving_counts_versions(store: Store, baskets: AggregateTable[Basket]) -> None:
    one = basket()
    with store.database.work() as work:
        baskets.add(work, one)
        baskets.save(work, replace(one, count=3))
    with store.database.work() as work:
        baskets.save(work, replace(baskets.get(work, one.basket_id), phase=Phase.SHUT))
    with store.database.work() as work:
        assert baskets.get(work, one.basket_id) == replace(one, count=3, phase=Phase.SHUT)
    assert store.value('SELECT _version FROM "order"') == 3


def test_taken_and_missing_keys(store: Store, baskets: AggregateTable[Basket]) -> None:
    one = basket()
    with store.database.work() as work:
        baskets.add(work, one)
        with pytest.raises(Conflict):
            baskets.add(work, one)
        for absent in (basket(),):
            with pytest.raises(NotFound):
                baskets.get(work, absent.basket_id)
            with pytest.raises(NotFound):
                baskets.save(work, absent)


def test_change_by_somebody_else_is_a_conflict(store: Store, baskets: AggregateTable[Basket]) -> None:
    one = basket()
    with store.database.work() as work:
        baskets.add(work, one)
    with store.database.work() as work:
        read = baskets.get(work, one.basket_id)
        work.connection.execute('UPDATE "order" SET _version = _version + 1')
        with pytest.raises(Conflict):
            baskets.save(work, read)


def test_reader_waits_for_the_writer(store: Store, baskets: AggregateTable[Basket]) -> None:
    """Two commands on one aggregate take turns: no update is lost."""
    one = basket(count=0)
    with store.database.work() as work:
        baskets.add(work, one)

    def increase(_: int) -> None:
        with store.database.work() as work:
            read = baskets.get(work, one.basket_id)
            baskets.save(work, replace(read, count=read.count + 1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(increase, range(30)))
    with store.database.work() as work:
        assert baskets.get(work, one.basket_id).count == 30


def test_query_waits_for_nobody(store: Store, baskets: AggregateTable[Basket]) -> None:
    one = basket(count=1)
    with store.database.work() as work:
        baskets.add(work, one)
    with store.database.work() as writer:
        baskets.save(writer, replace(baskets.get(writer, one.basket_id), count=2))
        with store.database.work() as reader:
            reader.connection.execute("SET LOCAL lock_timeout = '1s'")
            assert baskets.read(reader, one.basket_id) == one
            with pytest.raises(NotFound):
                baskets.read(reader, basket().basket_id)


def test_find_and_page(store: Store, baskets: AggregateTable[Basket]) -> None:
    stored = sorted((basket(owner=owner, sum_=Money(9, "EUR")) for owner in "aabaa"), key=lambda each: each.basket_id)
    with store.database.work() as work:
        for each in stored:
            baskets.add(work, each)
        of_a = [each for each in stored if each.owner == "a"]
        assert baskets.find(work, "owner", "a") == tuple(each.basket_id for each in of_a)
        assert baskets.find(work, "basketId", str(stored[0].basket_id)) == (stored[0].basket_id,)
        assert len(baskets.find(work, "sum", Money(9, "EUR"))) == 5
        first = baskets.page(work, {"owner": "a", "count": None}, None, 3)
        assert (list(first.items), first.next) == (of_a[:3], str(of_a[2].basket_id))
        last = baskets.page(work, {"owner": "a"}, first.next, 3)
        assert (list(last.items), last.next) == (of_a[3:], None)
        assert baskets.page(work, {"owner": "nobody"}).items == ()
        assert baskets.page(work, {"phase": Phase.OPEN, "due": date(2026, 1, 31)}, None, 5).next is None
        with pytest.raises(InvalidMessage):
            baskets.page(work, {}, "nonsense", 3)


def test_waiting_for_a_lock_ends(store: Store) -> None:
    """A lock that is never freed must not hold a request for ever."""
    with psycopg.connect(store.url) as other, store.database.connection() as connection:
        other.execute("LOCK TABLE lease IN ACCESS EXCLUSIVE MODE")
        connection.execute("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute("SELECT FROM lease")
        connection.execute("ROLLBACK")
    until(lambda: store.value("SELECT current_setting('lock_timeout')") == "10s")
