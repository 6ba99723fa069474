"""C41: the registry is away, or a record names a schema that it does not know."""

from __future__ import annotations

from rig.fleet import Fleet
from rig.forge import Forge
from rig.invariants import await_rest, group
from rig.load import Load
from rig.operators import give_up
from rig.waiting import until


def test_what_is_known_goes_on_without_the_registry(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=3)
    load.send(20)
    await_rest(fleet)
    with fleet.without_registry():
        load.send(40)
        await_rest(fleet)
        load.check()


def test_a_schema_that_nobody_knows(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    Load(fleet, keys=1).send(5)
    await_rest(fleet)
    forge = Forge(fleet)
    forge.write(1)
    headers, value = forge.message(2)
    fleet.bus.write(Forge.TOPIC, forge.key, headers, b"\x00" + (999_999).to_bytes(4, "big") + value[5:])
    fleet.bus.flush()
    forge.write(3)
    topic = f"{Forge.TOPIC}.{group(fleet.service('tally'))}.dlq"
    until(lambda: fleet.bus.of(topic, forge.key), lambda: f"C41: the dead letter: {forge.parked()}", 60)
    assert fleet.bus.of(topic, forge.key)[0].headers["dlq_reason"] in ("schema", "deserialize")
    assert [number for number, _ in forge.parked()] == [2, 3], "C41: the key waits in order"
    give_up(fleet, forge, "C41")
    until(lambda: forge.tallied() == (3, 5), lambda: f"C41: the key goes on: {forge.tallied()}", 30)
