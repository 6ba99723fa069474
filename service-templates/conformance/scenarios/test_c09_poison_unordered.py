"""C09: where order does not matter a record that fails goes from one retry topic to the next, and holds up no other."""

from __future__ import annotations

import itertools
import uuid

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest, group
from rig.waiting import until

TOPIC = "probe.counter.signal.events"
DELAYS = (5.0, 30.0, 120.0, 600.0)  # seconds before each further try
SPREAD = 0.2


def board(fleet: Fleet) -> str:
    name = f"board-{uuid.uuid4().hex[:8]}"
    fleet.do("PutUpBoard", {"board": name, "signals": 0})
    return name


def signal(fleet: Fleet, name: str) -> str:
    return str(fleet.do("SendSignal", {"board": name}).json()["data"]["signalId"])


def tries(fleet: Fleet, key: str) -> list[float]:
    """When the record was written to each retry topic, the first to its own, in seconds."""
    reader = group(fleet.service("tally"))
    topics = [TOPIC, *(f"{TOPIC}.{reader}.retry.{level}" for level in range(1, len(DELAYS) + 1))]
    found = [fleet.bus.of(topic, key) for topic in topics]
    return [records[0].at / 1000 for records in found if records]


def counted(fleet: Fleet, name: str) -> int:
    return int(fleet.sql("tally", "SELECT signals FROM boards WHERE board = %s", name)[0][0])


def test_one_that_fails_holds_up_no_other(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    tally, poison, fine = fleet.one("tally"), board(fleet), board(fleet)
    tally.at_handler(handler="CountSignal", value=poison, permanent=True)
    bad = signal(fleet, poison)
    signal(fleet, fine)
    until(lambda: counted(fleet, fine) == 1, "C09: another record flows", 10)
    until(lambda: len(tries(fleet, bad)) == 2, lambda: f"C09: the first retry topic: {tries(fleet, bad)}", 10)
    tally.at_handler()
    until(lambda: counted(fleet, poison) == 1, "C09: the retry succeeds", 20)
    await_rest(fleet)
    assert counted(fleet, poison) == 1


@pytest.mark.full
@pytest.mark.parametrize("levels", [3])
def test_the_delays(fleet: Fleet, levels: int) -> None:
    """Of the first levels; the last one takes ten minutes more and goes the same way."""
    fleet.ensure("counter", "tally")
    tally, poison = fleet.one("tally"), board(fleet)
    tally.at_handler(handler="CountSignal", value=poison, permanent=True)
    bad = signal(fleet, poison)
    until(lambda: len(tries(fleet, bad)) == levels + 1, lambda: f"C09: {tries(fleet, bad)}", sum(DELAYS[:levels]) + 30)
    pauses = [late - early for early, late in itertools.pairwise(tries(fleet, bad)[1:])]
    for pause, wanted in zip(pauses, DELAYS, strict=False):
        assert wanted <= pause <= wanted * (1 + SPREAD) + 2, f"C09: {pause:.1f} s instead of {wanted:.0f} s"
    tally.at_handler()
    until(lambda: counted(fleet, poison) == 1, "C09: the last retry succeeds", DELAYS[levels - 1] * 1.3 + 20)
