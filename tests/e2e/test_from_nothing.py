"""From an empty folder to a running fleet: answers at a terminal, a command through the API, both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import workshop
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import Reply, fetch
from fleetgen.runtime.process import survivors
from fleetgen.runtime.state import read_state
from screen import Person

# The relay takes a row out of the outbox once the broker has it: a copy shows that it was there.
SHADOW = """
CREATE TABLE shadow (ce_id uuid, ce_type text);
CREATE FUNCTION copy_to_shadow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO public.shadow VALUES (NEW.ce_id, NEW.ce_type);
  RETURN NULL;
END $$;
CREATE TRIGGER shadow AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION copy_to_shadow();
"""


def fleetgen(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, "-m", "fleetgen.cli.main", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def until(condition: Callable[[], Any], what: str, limit: float = 60) -> Any:
    end = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen"
        threading.Event().wait(0.05)
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the answers of a workshop made."""
    folder = tmp_path_factory.mktemp("nothing")
    person = Person("new", "parcels", cwd=folder)
    try:
        for part in (workshop.domain, workshop.order, workshop.shipping, workshop.rest):
            part(person)
        person.chooses("What next", "go on with the answers as they are")
        person.chooses("Write this fleet", "write it")
        assert person.ends() == 0, person.text()
    finally:
        person.close()
    return folder / "parcels"


@pytest.fixture(scope="module")
def addresses(root: Path) -> Iterator[dict[str, str]]:
    """The fleet, started as a person starts it; nothing of it is left."""
    said = fleetgen("up", "-d", "--broker", "kfake", cwd=root)
    state = read_state(FleetFolder(root))
    assert state is not None
    try:
        yield {name: address for name, address in (line.split() for line in said.splitlines())} | dict(state.addresses)
    finally:
        fleetgen("down", cwd=root)
        assert survivors(state.run) == ()


def rows(address: str, query: str, *given: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(address, autocommit=True) as connection:
        found = connection.execute(query.encode(), given or None)
        return found.fetchall() if found.description else []


def place(root: Path, addresses: dict[str, str], cents: int, address: str) -> Reply:
    """Place an order through the public API, as a person with a token of `fleetgen token` does."""
    token = fleetgen("token", cwd=root).strip()
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    body = {
        "customerId": str(uuid.uuid4()),
        "total": {"amount": cents, "currency": "EUR"},
        "address": address,
    }
    reply = fetch("POST", f"{addresses['order']}/orders", body, headers)
    assert reply is not None
    return reply


def test_a_command_in_one_service_is_an_aggregate_in_the_other(root: Path, addresses: dict[str, str]) -> None:
    order_side, shipping_side = addresses["database/order"], addresses["database/shipping"]
    rows(order_side, SHADOW)
    refused = place(root, addresses, 50001, "far away")  # so says the condition that was answered
    placed = place(root, addresses, 1250, "Pier 7'; DROP TABLE shipments --")
    assert (refused.status, placed.status) == (409, 201), (refused, placed)
    order = placed.json()["data"]["orderId"]

    shipments = until(lambda: rows(shipping_side, "SELECT order_id::text, address FROM shipments"), "the shipment")
    assert shipments == [(order, "Pier 7'; DROP TABLE shipments --")]
    assert (order, *shipments[0][1:]) in rows(order_side, "SELECT id::text, address FROM orders WHERE state = 'placed'")
    told = dict(rows(order_side, "SELECT ce_type, ce_id::text FROM shadow"))
    heard = rows(shipping_side, "SELECT ce_id, outcome FROM inbox")
    assert "OrderPlaced" in " ".join(told)
    assert [each for name, each in told.items() if "OrderPlaced" in name] == [str(each) for each, _ in heard]
    assert rows(order_side, "SELECT count(*) FROM inbox") == [(0,)]
