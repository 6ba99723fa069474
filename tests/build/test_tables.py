"""The generated tables follow the specification on a database that holds rows already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fleetgen.evolve.desired import Desired
from fleetgen.pipeline import check, desired
from fleetgen.render.engine import render
from fleetgen.render.templates import installed

SPECIFICATION = """\
fleet: shop
teams: {people: 5}
contexts:
  order:
    purpose: Orders
    team: people
    aggregates:
      Order:
        fields: FIELDS
        STATES
        commands: {PlaceOrder: OrderPlaced}
"""


@pytest.fixture
def database(new_database: Callable[[], str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(new_database(), autocommit=True) as connection:
        yield connection


def tables(folder: Path, fields: str, states: str = "") -> str:
    file = folder / "fleet.yaml"
    file.write_text(SPECIFICATION.replace("FIELDS", fields).replace("STATES", states))
    wanted: Desired = desired(check(file), installed())
    (service,) = (project for project in wanted.projects if project.path == "services/order")
    files = render(wanted.templates, service.template, service.answers)
    return files["src/shop_order/gen/tables.sql"].content.decode()


def rows(database: psycopg.Connection) -> list[tuple[Any, ...]]:
    return database.execute("SELECT note, size FROM orders ORDER BY id").fetchall()


def test_what_is_no_longer_needed_no_longer_is(database: psycopg.Connection, tmp_path: Path) -> None:
    """A field may become optional, new, or go, and the states may go: what the service stores then fits."""
    make = "INSERT INTO orders (id, {}_version) VALUES (gen_random_uuid(), {}1)"
    database.execute(tables(tmp_path, "{note: string, size: int, day: date}", "states: [placed, paid]").encode())
    database.execute(make.format("note, size, day, state, ", "'a', 1, '2026-01-31', 'paid', ").encode())
    database.execute(tables(tmp_path, "{note: {optional: string}, size: {optional: int}, name: string}").encode())
    database.execute(make.format("note, size, name, ", "NULL, NULL, 'n', ").encode())
    assert set(rows(database)) == {("a", 1), (None, None)}
    with pytest.raises(psycopg.errors.NotNullViolation):
        database.execute(make.format("note, name, ", "'a', NULL, ").encode())


def test_a_default_of_an_older_release_does_not_keep_a_field_from_being_absent(
    database: psycopg.Connection, tmp_path: Path
) -> None:
    for fields in ("{size: int}", "{size: int, note: string}", "{size: int, note: {optional: string}}"):
        database.execute(tables(tmp_path, fields).encode())
    database.execute("INSERT INTO orders (id, size, note, _version) VALUES (gen_random_uuid(), 1, NULL, 1)")
    assert rows(database) == [(None, 1)]


def test_what_a_service_added_itself_stays_as_it_is(database: psycopg.Connection, tmp_path: Path) -> None:
    sql = tables(tmp_path, "{size: int}").encode()
    database.execute(sql)
    database.execute("ALTER TABLE orders ADD COLUMN seen timestamptz NOT NULL DEFAULT now()")
    database.execute(sql)
    with pytest.raises(psycopg.errors.NotNullViolation):
        database.execute("INSERT INTO orders (id, size, seen, _version) VALUES (gen_random_uuid(), 1, NULL, 1)")
