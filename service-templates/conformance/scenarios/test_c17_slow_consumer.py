"""C17: a consumer is slower than what comes in. Its memory stays flat, it stays in its group, and it catches up."""

from __future__ import annotations

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.load import Load

FLAT = 64 * 1024 * 1024


def test_memory_stays_flat(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    tally = fleet.one("tally")
    load = Load(fleet, keys=10)
    load.send(50)
    await_rest(fleet)
    before = tally.memory()
    tally.at_handler(handler="AddToTally", slow_ms=30)
    load.send(400)
    most = tally.memory()
    await_rest(fleet)
    assert max(most, tally.memory()) - before <= FLAT, f"C17: grew by {(most - before) / 2**20:.0f} MiB"
    load.check()
