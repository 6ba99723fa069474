"""Numbered migrations on a real PostgreSQL: rows survive, both releases can write, fresh and migrated end alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fleetgen.pipeline import check, desired, migrations
from fleetgen.render.engine import render
from fleetgen.render.files import File
from fleetgen.render.templates import installed

CHASSIS = Path(__file__).parents[2] / "service-templates" / "python" / "chassis" / "src"
HEAD = """\
fleet: shop
teams: {people: 5}
contexts:
  order:
    purpose: Orders
    team: people
"""
GEN = "services/order/src/shop_order/gen"


class Fleet:
    """One service through its releases; each is what `gen/` holds then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known: dict[str, File] = {}
        self.codes: list[str] = []
        self.number = 0

    def release(self, body: str, *, contract: bool = False) -> Path:
        """The folder `gen` of the next release; nothing that was there is ever changed."""
        specification = self.folder / "fleet.yaml"
        specification.write_text(HEAD + "".join(f"    {line}\n" for line in body.strip().splitlines()))
        checked = check(specification)
        assert not checked.failed, checked.diagnostics
        known, found = migrations(checked, self.known, ("order",) if contract else ())
        self.codes = [item.code for item in found]
        for path, file in self.known.items():
            assert path.endswith("tables.json") or known[path] == file
        self.known = dict(known)
        self.number += 1
        gen = self.folder / f"gen{self.number}"
        for path, file in known.items():
            target = gen / Path(path).relative_to(GEN)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
        wanted = desired(checked, installed())
        (service,) = (project for project in wanted.projects if project.path == "services/order")
        tables = render(wanted.templates, service.template, service.answers)["src/shop_order/gen/tables.sql"]
        (gen / "tables.sql").write_bytes(tables.content)
        return gen


class Store:
    """A database as a service's start leaves it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(self.url, autocommit=True)

    @contextmanager
    def dedicated(self, _purpose: str) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield connection

    def start(self, gen: Path) -> tuple[str, ...]:
        """As a service of that release starts."""
        from chassis.migrations import migrate

        return tuple(migrate(self, gen / "tables.sql"))  # type: ignore[arg-type]

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        done = self.connection.execute(statement.encode(), values or None)
        return done.fetchall() if done.description else []

    def schema(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that an information schema and the catalogue say of tables, but for the order of columns."""
        questions = {
            "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default, udt_name"
            " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
            "tables": "SELECT table_name, table_type FROM information_schema.tables"
            " WHERE table_schema = 'public' ORDER BY 1",
            "constraints": "SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes"
            " WHERE schemaname = 'public' ORDER BY 1, 2",
            "triggers": "SELECT event_object_table, trigger_name, event_manipulation, action_statement"
            " FROM information_schema.triggers ORDER BY 1, 2, 3",
            "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
            "views": "SELECT table_name, view_definition FROM information_schema.views"
            " WHERE table_schema = 'public' ORDER BY 1",
        }
        return {name: self.run(question) for name, question in questions.items()}


Make = Callable[[], Store]


@pytest.fixture
def make(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.syspath_prepend(str(CHASSIS))
    made: list[Store] = []

    def store() -> Store:
        made.append(Store(new_database()))
        return made[-1]

    yield store
    for each in made:
        each.connection.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def order(fields: str, more: str = "", name: str = "Order") -> str:
    return f"aggregates:\n  {name}:\n    fields: {fields}\n    {more}\n    commands: {{Place{name}: {name}Placed}}"


def alike(make: Make, migrated: Store, gen: Path) -> None:
    """A database without a past ends where the migrated one is; the description of the tables adds nothing to it."""
    fresh = make()
    fresh.start(gen)
    assert fresh.schema() == migrated.schema()
    before = migrated.schema()
    migrated.run((gen / "tables.sql").read_text())
    assert migrated.schema() == before


def in_step(store: Store) -> list[str]:
    """The functions that keep two releases in step."""
    return [name for name, _ in store.schema()["functions"] if "in_step" in name or name.startswith("aa")]


def columns(store: Store, table: str = "orders") -> set[str]:
    found = store.run("SELECT column_name FROM information_schema.columns WHERE table_name = %s", table)
    return {row[0] for row in found}


def test_a_field_is_added(make: Make, fleet: Fleet) -> None:
    store = make()
    store.start(fleet.release(order("{size: int}")))
    old = "INSERT INTO orders (id, size, _version) VALUES (gen_random_uuid(), %s, 1)"
    store.run(old, 1)
    gen = fleet.release(order("{size: int, note: string, remark: {optional: string}}"))
    assert store.start(gen) == ("gen/0002_expand_orders.sql", "gen/tables.sql")
    store.run(old, 2)
    store.run("INSERT INTO orders (id, size, note, remark, _version) VALUES (gen_random_uuid(), 3, 'n', 'r', 1)")
    assert store.run("SELECT size, note, remark FROM orders ORDER BY size") == [
        (1, "", None),
        (2, "", None),
        (3, "n", "r"),
    ]
    alike(make, store, gen)
    gen = fleet.release(order("{size: int, note: string, remark: {optional: string}}"), contract=True)
    assert store.start(gen) == ("gen/0003_contract_orders.sql",)
    with pytest.raises(psycopg.errors.NotNullViolation):
        store.run(old, 4)
    assert len(store.run("SELECT id FROM orders")) == 3
    alike(make, store, gen)


def test_a_field_that_nothing_fits_is_empty_in_older_rows_until_somebody_fills_it(make: Make, fleet: Fleet) -> None:
    store = make()
    store.start(fleet.release(order("{size: int}")))
    store.run("INSERT INTO orders (id, size, _version) VALUES (gen_random_uuid(), 1, 1)")
    body = order("{size: int, day: date}")
    gen = fleet.release(body)
    assert "MIG-7" in fleet.codes
    store.start(gen)
    alike(make, store, gen)
    gen = fleet.release(body, contract=True)
    with pytest.raises(Exception, match="contains null values"):
        store.start(gen)
    store.run("UPDATE orders SET day = '2026-01-31'")
    store.start(gen)
    alike(make, store, gen)


def test_a_field_is_renamed(make: Make, fleet: Fleet) -> None:
    """While both releases run each sees what the other writes; afterwards only the new name is there."""
    store = make()
    before = order("{note: string, size: int}", "queries: [SearchOrders]")
    after = order("{remark: {type: string, renamed-from: note}, size: int}", "queries: [SearchOrders]")
    store.start(fleet.release(before))
    store.run(
        "INSERT INTO orders (id, note, size, _version)"
        " SELECT gen_random_uuid(), 'n' || n, n, 1 FROM generate_series(1, 2500) n"
    )
    gen = fleet.release(after)
    names = ("gen/0002_expand_orders.sql", "gen/0003_backfill_orders.sql", "gen/tables.sql")
    assert store.start(gen) == names
    assert store.run("SELECT count(*) FROM orders WHERE remark = note AND remark = 'n' || size") == [(2500,)]
    store.run("DELETE FROM orders")
    store.run("INSERT INTO orders (id, note, size, _version) VALUES (gen_random_uuid(), 'old', 1, 1)")
    store.run("INSERT INTO orders (id, remark, size, _version) VALUES (gen_random_uuid(), 'new', 2, 1)")
    assert store.run("SELECT note, remark FROM orders ORDER BY size") == [("old", "old"), ("new", "new")]
    store.run("UPDATE orders SET note = 'by old', size = size WHERE size = 2")
    store.run("UPDATE orders SET remark = 'by new', size = size WHERE size = 1")
    assert store.run("SELECT note, remark FROM orders ORDER BY size") == [("by new",) * 2, ("by old",) * 2]
    alike(make, store, gen)
    gen = fleet.release(after, contract=True)
    store.start(gen)
    assert "note" not in columns(store)
    assert store.run("SELECT remark FROM orders ORDER BY size") == [("by new",), ("by old",)]
    assert store.schema()["triggers"] == in_step(store) == []
    alike(make, store, gen)


def test_a_type_changes_under_a_new_name(make: Make, fleet: Fleet) -> None:
    store = make()
    store.start(fleet.release(order("{code: string}")))
    old = "INSERT INTO orders (id, code, _version) VALUES (gen_random_uuid(), %s, 1)"
    store.run(old, "007")
    after = order("{number: {type: int, renamed-from: code}}")
    gen = fleet.release(after)
    store.start(gen)
    store.run(old, "x")
    store.run("INSERT INTO orders (id, number, _version) VALUES (gen_random_uuid(), 12, 1)")
    assert store.run("SELECT code, number FROM orders ORDER BY code") == [("007", 7), ("12", 12), ("x", None)]
    alike(make, store, gen)
    gen = fleet.release(after, contract=True)
    with pytest.raises(Exception, match="code has values that number lacks"):
        store.start(gen)
    assert store.run("SELECT code FROM orders ORDER BY code") == [("007",), ("12",), ("x",)]
    store.run("UPDATE orders SET number = 99 WHERE number IS NULL")
    store.start(gen)
    assert store.run("SELECT number FROM orders ORDER BY 1") == [(7,), (12,), (99,)]
    alike(make, store, gen)


def test_a_whole_number_becomes_a_decimal_in_its_place(make: Make, fleet: Fleet) -> None:
    store = make()
    store.start(fleet.release(order("{size: int}")))
    store.run("INSERT INTO orders (id, size, _version) VALUES (gen_random_uuid(), 3, 1)")
    gen = fleet.release(order("{size: decimal}"))
    store.start(gen)
    store.run("INSERT INTO orders (id, size, _version) VALUES (gen_random_uuid(), 3.5, 1)")
    assert [str(row[0]) for row in store.run("SELECT size FROM orders ORDER BY 1")] == ["3", "3.5"]
    alike(make, store, gen)


def test_a_field_becomes_optional_and_required_again(make: Make, fleet: Fleet) -> None:
    store = make()
    required, optional = order("{size: int, note: string}"), order("{size: int, note: {optional: string}}")
    store.start(fleet.release(required))
    write = "INSERT INTO orders (id, size, note, _version) VALUES (gen_random_uuid(), %s, %s, 1)"
    store.run(write, 1, "a")
    gen = fleet.release(optional)
    store.start(gen)
    store.run(write, 2, None)
    alike(make, store, gen)
    gen = fleet.release(required)
    store.start(gen)
    store.run(write, 3, None)  # the release before still may
    assert store.run("SELECT note FROM orders ORDER BY size") == [("a",), ("",), ("",)]
    alike(make, store, gen)
    gen = fleet.release(required, contract=True)
    store.start(gen)
    with pytest.raises(psycopg.errors.NotNullViolation):
        store.run(write, 4, None)
    alike(make, store, gen)


def test_what_is_removed_is_kept_until_the_specification_says_otherwise(make: Make, fleet: Fleet) -> None:
    store = make()
    both = order("{size: int, note: string, day: date}")
    store.start(fleet.release(both))
    old = "INSERT INTO orders (id, size, note, day, _version) VALUES (gen_random_uuid(), %s, 'n', '2026-01-31', 1)"
    store.run(old, 1)
    gen = fleet.release(order("{size: int}"))
    assert fleet.codes.count("MIG-9") == 2
    store.start(gen)
    store.run(old, 2)
    store.run("INSERT INTO orders (id, size, _version) VALUES (gen_random_uuid(), 3, 1)")
    assert store.run("SELECT note, day IS NULL FROM orders ORDER BY size") == [("n", False), ("n", False), ("", True)]
    alike(make, store, gen)
    gen = fleet.release(both)  # it comes back, and its data was not lost
    store.start(gen)
    assert store.run("SELECT note FROM orders ORDER BY size") == [("n",), ("n",), ("",)]
    fleet.release(order("{size: int}", "dropped: [note]"))
    gen = fleet.release(order("{size: int}", "dropped: [note]"), contract=True)
    store.start(gen)
    assert columns(store) == {"id", "size", "day", "_version"}
    assert store.run("SELECT count(day) FROM orders") == [(2,)]
    alike(make, store, gen)


def test_an_aggregate_is_renamed(make: Make, fleet: Fleet) -> None:
    """The release before writes, reads, locks and updates what it knows as its table."""
    store = make()
    store.start(fleet.release(order("{size: int}", "queries: [SearchOrders]")))
    old = "INSERT INTO {} (id, size, _version) VALUES (gen_random_uuid(), %s, 1) ON CONFLICT (id) DO NOTHING"
    store.run(old.format("orders"), 1)
    after = order("{size: int, note: string}", "renamed-from: Order\n    queries: [SearchPurchases]", "Purchase")
    gen = fleet.release(after)
    store.start(gen)
    store.run(old.format("orders"), 2)
    store.run("INSERT INTO purchases (id, size, note, _version) VALUES (gen_random_uuid(), 3, 'n', 1)")
    with store.connection.transaction():
        assert len(store.run("SELECT size, _version FROM orders FOR UPDATE")) == 3
        store.run("UPDATE orders SET size = size * 10, _version = _version + 1")
    assert store.run("SELECT size, note, _version FROM purchases ORDER BY size") == [
        (10, "", 2),
        (20, "", 2),
        (30, "n", 2),
    ]
    alike(make, store, gen)
    gen = fleet.release(after, contract=True)
    store.start(gen)
    assert [row[:1] for row in store.schema()["tables"] if row[0] in ("orders", "purchases")] == [("purchases",)]
    assert len(store.run("SELECT id FROM purchases")) == 3
    alike(make, store, gen)


def test_an_aggregate_and_its_field_are_renamed_and_the_field_again_widened(make: Make, fleet: Fleet) -> None:
    store = make()
    store.start(fleet.release(order("{size: int, note: string}")))
    store.run("INSERT INTO orders (id, size, note, _version) VALUES (gen_random_uuid(), 1, 'n', 1)")
    fields = "{{size: {}, remark: {{type: string, renamed-from: note}}}}"
    store.start(fleet.release(order(fields.format("int"), "renamed-from: Order", "Purchase")))
    gen = fleet.release(order(fields.format("decimal"), "renamed-from: Order", "Purchase"))
    store.start(gen)
    store.run("INSERT INTO orders (id, size, note, _version) VALUES (gen_random_uuid(), 2, 'o', 1)")
    assert store.run("SELECT remark FROM purchases ORDER BY size") == [("n",), ("o",)]
    alike(make, store, gen)
    gen = fleet.release(order(fields.format("decimal"), "renamed-from: Order", "Purchase"), contract=True)
    store.start(gen)
    assert store.run("SELECT remark FROM purchases ORDER BY size") == [("n",), ("o",)]
    alike(make, store, gen)


def test_states_go_and_come(make: Make, fleet: Fleet) -> None:
    store = make()
    store.start(fleet.release(order("{size: int}", "states: [placed, paid, confirmed]")))
    write = "INSERT INTO orders (id, size, state, _version) VALUES (gen_random_uuid(), %s, %s, 1)"
    for size, state in enumerate(("placed", "paid", "confirmed")):
        store.run(write, size, state)
    gen = fleet.release(order("{size: int}", "states: [placed, confirmed]\n    former-states: {paid: confirmed}"))
    store.start(gen)
    store.run(write, 3, "paid")  # the release before still may
    states = "SELECT state FROM orders ORDER BY size"
    assert [row[0] for row in store.run(states)] == ["placed", "confirmed", "confirmed", "confirmed"]
    alike(make, store, gen)
    gen = fleet.release(order("{size: int}"))
    store.start(gen)
    store.run("INSERT INTO orders (id, size, _version) VALUES (gen_random_uuid(), 4, 1)")
    assert store.run(states)[-1] == ("placed",)
    alike(make, store, gen)
    gen = fleet.release(order("{size: int}", "states: [open, done]"))
    assert "MIG-4" in fleet.codes


def test_an_aggregate_is_removed_and_its_table_dropped_only_on_a_word(make: Make, fleet: Fleet) -> None:
    store = make()
    two = order("{size: int}") + "\n  Basket:\n    fields: {note: string}\n    commands: {FillBasket: BasketFilled}"
    store.start(fleet.release(two))
    store.run("INSERT INTO baskets (id, note, _version) VALUES (gen_random_uuid(), 'n', 1)")
    gen = fleet.release(order("{size: int}"))
    store.start(gen)
    assert store.run("SELECT note FROM baskets") == [("n",)]
    alike(make, store, gen)
    gen = fleet.release("dropped: [Basket]\n" + order("{size: int}"), contract=True)
    store.start(gen)
    assert columns(store, "baskets") == set()
    alike(make, store, gen)


HOSTILE = ("select", "table", "from", "user", "order", "first", "last", "batch", "new", "old", "body", "newOld")


def test_words_of_sql_are_names_like_others(make: Make, fleet: Fleet) -> None:
    before = ", ".join(f"{word}: string" for word in HOSTILE)
    after = ", ".join(f"{word}Now: {{type: string, renamed-from: {word}}}" for word in HOSTILE)
    store = make()
    store.start(fleet.release(order("{" + before + "}", name="User")))
    names = [row[0] for row in store.run("SELECT column_name FROM information_schema.columns WHERE table_name = 'users'"
                                         " AND data_type = 'text' ORDER BY ordinal_position")]  # fmt: skip
    quoted = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join(["%s"] * len(names))
    store.run(f"INSERT INTO users (id, {quoted}, _version) VALUES (gen_random_uuid(), {marks}, 1)", *names)
    gen = fleet.release(order("{" + after + "}", "renamed-from: User", name="Select"))
    store.start(gen)
    assert store.run(f"SELECT {quoted} FROM selects") == [tuple(names)]
    fresh = ", ".join(f'"{name.rstrip("_")}_now"' for name in names)
    assert store.run(f"SELECT {fresh} FROM selects") == [tuple(names)]
    alike(make, store, gen)
    gen = fleet.release(order("{" + after + "}", "renamed-from: User", name="Select"), contract=True)
    store.start(gen)
    assert store.run(f"SELECT {fresh} FROM selects") == [tuple(names)]
    alike(make, store, gen)


def test_the_longest_names_fit(make: Make, fleet: Fleet) -> None:
    aggregate, field = "A" + "a" * 42, "f" + "a" * 43
    store = make()
    store.start(fleet.release(order(f"{{{field}: string}}", f"queries: [Search{'X' + 'a' * 20}]", aggregate)))
    after = order(f"{{g{field}: {{type: string, renamed-from: {field}}}}}", name=aggregate)
    gen = fleet.release(after)
    store.start(gen)
    alike(make, store, gen)
    gen = fleet.release(after, contract=True)
    store.start(gen)
    assert in_step(store) == []
    alike(make, store, gen)


def test_an_older_release_that_starts_late_leaves_the_newer_tables_alone(make: Make, fleet: Fleet) -> None:
    store = make()
    older = fleet.release(order("{note: string, size: int}", "queries: [SearchOrders]"))
    store.start(older)
    newer = fleet.release(order("{size: int, id2: uuid}", "renamed-from: Order", "Purchase"))
    store.start(newer)
    before = store.schema()
    assert store.start(older) == ()
    assert store.schema() == before


def test_a_backfill_that_was_interrupted_is_completed(make: Make, fleet: Fleet, tmp_path: Path) -> None:
    store = make()
    store.start(fleet.release(order("{note: string}")))
    store.run("INSERT INTO orders SELECT gen_random_uuid(), 'n' || n, 1 FROM generate_series(1, 3000) n")
    gen = fleet.release(order("{remark: {type: string, renamed-from: note}}"))
    one = store.run("SELECT id FROM orders ORDER BY id OFFSET 2500 LIMIT 1")[0][0]
    backfill = gen / "migrations" / "0003_backfill_orders.sql"
    batches = backfill.rename(tmp_path / "later")
    assert store.start(gen) == ("gen/0002_expand_orders.sql", "gen/tables.sql")
    batches.rename(backfill)
    with psycopg.connect(store.url) as other:
        other.execute("SELECT id FROM orders WHERE id = %s FOR UPDATE", (one,))
        store.run("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            store.run(backfill.read_text())
    assert store.run("SELECT count(remark) FROM orders") == [(2000,)]
    assert store.start(gen) == ("gen/0003_backfill_orders.sql",)
    assert store.run("SELECT count(remark) FROM orders") == [(3000,)]
