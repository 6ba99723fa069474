"""C08: one record of a key can never be handled.

Its key waits in order, all others flow; the record becomes a dead letter.
"""

from __future__ import annotations

import time

import pytest

from rig.bus import Record
from rig.fleet import Fleet
from rig.forge import Forge
from rig.invariants import await_rest, group
from rig.load import Load
from rig.operators import give_up
from rig.waiting import until

FLOWING = 5.0  # seconds that other keys may lag, on a busy machine
REQUIRED = (
    "dlq_topic", "dlq_partition", "dlq_offset", "dlq_timestamp", "dlq_group", "dlq_handler", "dlq_service",
    "dlq_reason", "dlq_error_class", "dlq_error_message", "dlq_attempts", "dlq_first_failed_at", "dlq_last_failed_at",
    "dlq_redrive_count",
)  # fmt: skip


@pytest.fixture
def forge(fleet: Fleet) -> Forge:
    fleet.ensure("counter", "tally")
    Load(fleet, keys=1).send(5)
    await_rest(fleet)
    return Forge(fleet)


def letter(fleet: Fleet, forge: Forge) -> Record:
    """The dead letter of the key."""
    topic = f"{Forge.TOPIC}.{group(fleet.service('tally'))}.dlq"
    found = fleet.bus.of(topic, forge.key)
    assert len(found) <= 1, "C08: more than one dead letter"
    return found[0] if found else None


def others_flow(fleet: Fleet) -> None:
    load = Load(fleet, keys=2)
    load.send(10)
    begun = time.monotonic()
    query = "SELECT coalesce(sum(total), 0)::int FROM tallies WHERE name = ANY(%s)"
    wanted = sum(load.added.values())
    until(lambda: fleet.sql("tally", query, load.names) == [(wanted,)], "C08: other keys flow", FLOWING)
    print(f"other keys lag {time.monotonic() - begun:.2f} s")


def test_bytes_that_nobody_can_read(fleet: Fleet, forge: Forge) -> None:
    forge.write(1, 2)
    headers, _ = forge.message(3)
    poison = b"no record at all \xff"
    fleet.bus.write(Forge.TOPIC, forge.key, {**headers, "x-unknown": "kept"}, poison)
    fleet.bus.flush()
    forge.write(4, 5)
    others_flow(fleet)
    until(lambda: letter(fleet, forge), "C08: the dead letter", 30)
    dead = letter(fleet, forge)
    assert dead.value == poison, "C08: other bytes than were read"
    assert dead.key == forge.key
    assert dead.headers["x-unknown"] == "kept"
    assert {name: dead.headers[name] for name in headers} == headers, "C08: headers were changed"
    missing = [name for name in REQUIRED if name not in dead.headers]
    assert missing == [], f"C08: a dead letter without {missing}"
    assert (dead.headers["dlq_topic"], dead.headers["dlq_reason"]) == (Forge.TOPIC, "deserialize")
    assert [number for number, _ in forge.parked()] == [3, 4, 5], "C08: the key waits in order"
    assert forge.tallied() == (2, 2), "C08: a record passed the one before it"
    give_up(fleet, forge, "C08")
    until(lambda: forge.tallied() == (11, 14), lambda: f"C08: 4 and 5 in order: {forge.tallied()}", 30)


def test_a_handler_that_recovers(fleet: Fleet, forge: Forge) -> None:
    forge.write(1)
    until(lambda: forge.tallied() == (0, 0), "1 is applied", 30)
    fleet.one("tally").at_handler(handler="AddToTally", value=forge.key, fail_next=4)
    forge.write(2, 3)
    until(lambda: forge.parked()[:1] == [(2, "error")], lambda: f"2 waits: {forge.parked()}", 30)
    assert forge.tallied() == (0, 0), "C08: 3 passed 2"
    until(lambda: forge.tallied() == (5, 5), lambda: f"C08: drained in order: {forge.tallied()} {forge.parked()}", 60)
    assert forge.parked() == []


@pytest.mark.full
def test_a_handler_that_fails_for_ever(fleet: Fleet, forge: Forge) -> None:
    """Eight tries with growing pauses: about two minutes."""
    forge.write(1)
    fleet.one("tally").at_handler(handler="AddToTally", value=forge.key, permanent=True)
    forge.write(2, 3)
    until(lambda: letter(fleet, forge), lambda: f"C08: the dead letter: {forge.parked()}", 240)
    dead = letter(fleet, forge)
    assert dead.headers["dlq_attempts"] == "8", dead.headers
    assert dead.headers["dlq_reason"] == "handler"
    assert [number for number, _ in forge.parked()] == [2, 3]
    fleet.one("tally").at_handler()
    give_up(fleet, forge, "C08")
    until(lambda: forge.tallied() == (3, 5), lambda: f"{forge.tallied()}", 30)
