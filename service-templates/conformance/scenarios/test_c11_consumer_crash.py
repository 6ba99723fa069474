"""C11: a consumer dies at every point while records flow; every effect is there, once."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.load import Load

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
