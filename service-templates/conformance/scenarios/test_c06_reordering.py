"""C06: records of a key arrive in another order than they were written; they are applied in theirs."""

from __future__ import annotations

import random

from rig.fleet import Fleet
from rig.forge import Forge, decode
from rig.invariants import await_rest
from rig.load import Load
from rig.waiting import until


def applied(fleet: Fleet, forge: Forge) -> list[int]:
    """The consumer's own sums, in the order in which it made them."""
    records = fleet.bus.of("probe.tally.tally.events", forge.key)
    return [decode(fleet, record)["total"] for record in records if "Increased" in record.ce_type]


def test_three_one_two_five_four(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    Load(fleet, keys=1).send(5)
    await_rest(fleet)
    forge = Forge(fleet)
    forge.write(3)
    until(lambda: forge.parked() == [(3, "gap")], lambda: f"3 waits: {forge.parked()}", 20)
    forge.write(1)
    until(lambda: forge.tallied() == (0, 0), "1 is applied", 20)
    forge.write(2)
    until(lambda: forge.tallied() == (5, 5), lambda: f"2, then 3: {forge.tallied()}", 20)
    assert forge.parked() == [], "what was applied waits still"
    forge.write(5)
    until(lambda: forge.parked() == [(5, "gap")], "5 waits", 20)
    forge.write(4)
    until(lambda: forge.tallied() == (14, 14), lambda: f"4, then 5: {forge.tallied()}", 20)
    await_rest(fleet)
    assert applied(fleet, forge) == [2, 5, 9, 14]


def test_many_keys_in_any_order(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    Load(fleet, keys=1).send(5)
    await_rest(fleet)
    chance, forges = random.Random(6), [Forge(fleet) for _ in range(8)]
    wanted = [(forge, sequence) for forge in forges for sequence in range(1, 9)]
    chance.shuffle(wanted)
    for forge, sequence in wanted:
        headers, value = forge.message(sequence)
        fleet.bus.write(Forge.TOPIC, forge.key, headers, value)
    fleet.bus.flush()
    for forge in forges:
        until(
            lambda forge=forge: forge.tallied() == (35, 35), lambda forge=forge: f"{forge.tallied()} {forge.parked()}"
        )
    await_rest(fleet)
    for forge in forges:
        assert applied(fleet, forge) == [2, 5, 9, 14, 20, 27, 35]
