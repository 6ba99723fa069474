"""C15: the database is killed under load, again and again.

What was acknowledged stays, what was not can be asked again.
"""

from __future__ import annotations

import threading

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.load import Load
from rig.waiting import until


@pytest.mark.parametrize("times", [2, pytest.param(6, marks=pytest.mark.full)])
def test_killed_under_load(fleet: Fleet, times: int) -> None:
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=10)
    with load.flowing():
        for _ in range(times):
            before = len(load.seconds)
            until(lambda before=before: len(load.seconds) > before + 30, "commands flow", 60)
            threading.Event().wait(10 if times > 2 else 1)  # between two faults
            fleet.servers.restart_postgres()
    assert load.refused, "nothing was refused: the fault hit nobody"
    load.check()
    await_rest(fleet)
    rows = fleet.sql("counter", "SELECT count(*) FROM counters WHERE name = ANY(%s)", load.names)
    assert rows == [(len(load.names),)]
    assert fleet.one("counter").lives and fleet.one("tally").lives, "C15: a service did not outlive its database"
