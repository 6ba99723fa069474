"""C12: consumers come and go while records flow, and one dawdles. Nothing is lost, doubled or out of order."""

from __future__ import annotations

import random

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.load import Load


@pytest.mark.parametrize("turns", [4, pytest.param(12, marks=pytest.mark.full)])
def test_consumers_come_and_go(fleet: Fleet, turns: int) -> None:
    fleet.ensure("counter", "tally")
    fleet.one("tally").at_handler(handler="AddToTally", slow_ms=20)
    load, chance = Load(fleet, keys=10, pace=0.05), random.Random(12)
    with load.flowing():
        for turn in range(turns):
            if turn % 2 == 0:
                fleet.start("tally")
            else:
                leaving = chance.choice(fleet.running("tally"))
                leaving.kill() if turn % 4 == 1 else leaving.stop()
    load.check()
    await_rest(fleet)
    fleet.only("counter", "tally")
