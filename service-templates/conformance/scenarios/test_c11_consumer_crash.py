"""C11: a consumer dies at every point while records flow; every effect is there, once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.load import Load

SIGNALS = 8
LABELS = ("inbox.after_poll", "inbox.after_insert", "inbox.after_effect", "inbox.after_commit", "inbox.after_offset")


@pytest.mark.parametrize("rounds", [1, pytest.param(4, marks=pytest.mark.full)])
def test_every_point_of_the_inbox(fleet: Fleet, rounds: int) -> None:
    killed_at(fleet, LABELS * rounds)


def killed_at(fleet: Fleet, labels: Iterable[str]) -> None:
    """A consumer dies at each of these points in turn, and comes back."""
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=10, pace=0.02)
    with load.flowing():
        for number, label in enumerate(labels):
            victim = fleet.one("tally")
            victim.at_points(crash_at=f"{label}:{3 + number}")
            victim.await_crash()
            fleet.replace(victim)
    load.check()
    await_rest(fleet)
    totals = dict(fleet.sql("tally", "SELECT name, total FROM tallies WHERE name = ANY(%s)", load.names))
    wanted = {name: load.added[name] for name in load.names}
    assert totals == wanted, f"C11: effects are lost or doubled: {totals}, not {wanted}"


def test_records_in_hand_without_an_order(fleet: Fleet) -> None:
    """No gap tells of one that is lost: only the offset, committed behind the effect, brings it again."""
    fleet.ensure("counter", "tally")
    name = f"board-{uuid.uuid4().hex[:8]}"
    fleet.do("PutUpBoard", {"board": name, "signals": 0})
    victim = fleet.one("tally")
    victim.at_points(
        pause_at="inbox.after_poll@probe.counter.signal.events:1000:1",
        crash_at="inbox.after_effect@counter.SignalSent.v1:3",
    )
    for _ in range(SIGNALS):
        fleet.do("SendSignal", {"board": name})
    victim.await_crash()
    fleet.replace(victim)
    await_rest(fleet)
    counted = fleet.sql("tally", "SELECT signals FROM boards WHERE board = %s", name)[0][0]
    assert counted == SIGNALS, f"C11: {counted} of {SIGNALS} signals took effect"


def test_a_consumer_that_dies_over_what_it_parks(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=2)
    victim = fleet.one("tally")
    victim.at_handler(handler="AddToTally", value=load.names[0], permanent=True)
    victim.at_points(crash_at="park.after_insert")
    fleet.do("AddToCounter", {"name": load.names[0], "amount": 3})
    victim.await_crash()
    fleet.replace(victim)
    load.added[load.names[0]] += 3
    await_rest(fleet)
    load.check()
