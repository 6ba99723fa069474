"""C07: a record of a key is missing.

The key waits, others do not; the record is fetched, or an operator passes it over.
"""

from __future__ import annotations

import pytest

from rig.fleet import Fleet
from rig.forge import Forge
from rig.invariants import await_rest
from rig.load import Load
from rig.operators import give_up
from rig.waiting import until

VISIBLE = 60.0


@pytest.fixture
def forge(fleet: Fleet) -> Forge:
    fleet.ensure("counter", "tally")
    Load(fleet, keys=1).send(5)
    await_rest(fleet)
    return Forge(fleet)


def shown(fleet: Fleet, forge: Forge) -> list[dict]:
    """What operators are shown of the key."""
    reply = fleet.operate("tally", "parked", method="GET")
    assert reply.status == 200, reply
    return [item for item in reply.json()["items"] if forge.key in item.values()]


def test_the_key_waits_and_others_flow(fleet: Fleet, forge: Forge) -> None:
    forge.write(1, 2, 4, 5)
    until(lambda: [n for n, _ in forge.parked()] == [4, 5], lambda: f"4 and 5 wait: {forge.parked()}", 20)
    assert forge.parked()[0] == (4, "gap")
    load = Load(fleet, keys=3)
    load.send(20)
    names = load.names

    def others_flow() -> bool:
        totals = dict(fleet.sql("tally", "SELECT name, total FROM tallies WHERE name = ANY(%s)", names))
        return totals == {name: load.added[name] for name in names}

    until(others_flow, "C07: other keys flow", 20)
    until(lambda: shown(fleet, forge), "C07: operators are shown the gap", VISIBLE)
    assert forge.tallied() == (2, 2), "C07: a record passed the gap"
    forge.write(3)
    until(lambda: forge.tallied() == (14, 14), lambda: f"C07: drained in order: {forge.tallied()}", 30)
    assert forge.parked() == []


def test_an_operator_passes_it_over(fleet: Fleet, forge: Forge) -> None:
    """The service's own owner publishes a marker in its place: the consumers' cursors move over it."""
    forge.write(1, 2, 4)
    until(lambda: forge.parked() == [(4, "gap")], "4 waits", 20)
    headers, _ = forge.message(4)
    gap = {**headers, "ce_id": headers["ce_id"][:-4] + "0000", "ce_type": "fleet.gap.v1", "ce_sequence": f"{3:020d}"}
    fleet.bus.write(Forge.TOPIC, forge.key, {**gap, "content-type": "application/json"}, b"{}")
    fleet.bus.flush()
    until(lambda: forge.tallied() == (6, 9), lambda: f"4 is applied: {forge.tallied()}", 30)


def test_a_gap_that_an_operator_gives_up(fleet: Fleet, forge: Forge) -> None:
    forge.write(1, 3)
    until(lambda: forge.parked() == [(3, "gap")], "3 waits", 20)
    give_up(fleet, forge, "C07")
    forge.write(4)
    until(lambda: forge.tallied() is not None and forge.tallied() == (4, 9), lambda: f"{forge.tallied()}", 20)
