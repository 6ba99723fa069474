"""C10: dead letters are sent again by an operator: each once, to the group that gave it up, and not for ever."""

from __future__ import annotations

from contextlib import suppress

from rig.fleet import Fleet
from rig.forge import Forge
from rig.invariants import await_rest, group
from rig.load import Load
from rig.operators import give_up
from rig.waiting import until


def dead(fleet: Fleet) -> tuple[Forge, str]:
    """A key whose second record is a dead letter because a handler failed for good, and the topic of dead letters."""
    forge = Forge(fleet)
    forge.write(1)
    until(lambda: forge.tallied() == (0, 0), "1 is applied", 30)
    headers, _ = forge.message(2)
    fleet.bus.write(Forge.TOPIC, forge.key, headers, b"\x00\xff\xff\xff\xffbroken")
    fleet.bus.flush()
    topic = f"{Forge.TOPIC}.{group(fleet.service('tally'))}.dlq"
    until(lambda: fleet.bus.of(topic, forge.key), "the dead letter", 30)
    return forge, topic


def redrive(fleet: Fleet, forge: Forge, **more):
    content = {"reason": "C10", "filter": {"key": forge.key}, **more}
    return fleet.operate("tally", f"dlq/{Forge.TOPIC}:redrive", content)


def test_redriven_letters(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    Load(fleet, keys=1).send(5)
    await_rest(fleet)
    forge, _ = dead(fleet)
    dry = redrive(fleet, forge, dryRun=True)
    assert dry.status == 200, dry.body
    victim = fleet.one("tally")
    victim.at_points(crash_at="redrive.after_produce")
    with suppress(AssertionError):  # it dies before it answers
        redrive(fleet, forge)
    victim.await_crash()
    fleet.replace(victim)
    again = redrive(fleet, forge)
    assert again.status in (200, 409), again.body
    own = f"{Forge.TOPIC}.{group(fleet.service('tally'))}.retry.0"
    until(lambda: fleet.bus.of(own, forge.key), "C10: sent again, to its own group's topic", 30)
    assert len([r for r in fleet.bus.of(Forge.TOPIC, forge.key)]) == 2, "C10: other groups see it too"
    sent = fleet.bus.of(own, forge.key)
    assert {record.ce_id for record in sent} == {forge.message(2)[0]["ce_id"]}, "C10: it has another id"
    give_up(fleet, forge, "C10")


def test_a_letter_that_dies_again_and_again(fleet: Fleet) -> None:
    """Three times; the fourth is refused unless it is forced."""
    fleet.ensure("counter", "tally")
    Load(fleet, keys=1).send(5)
    await_rest(fleet)
    forge, topic = dead(fleet)
    for number in range(1, 4):
        reply = redrive(fleet, forge)
        assert reply.status == 200, (number, reply.body)
        until(
            lambda number=number: len(fleet.bus.of(topic, forge.key)) == number + 1,
            lambda number=number: f"C10: a dead letter for the {number}. time: {len(fleet.bus.of(topic, forge.key))}",
            40,
        )
    counts = [record.headers["dlq_redrive_count"] for record in fleet.bus.of(topic, forge.key)]
    assert counts == ["0", "1", "2", "3"], counts
    fourth = redrive(fleet, forge)
    told = fourth.json()
    assert (told["done"], len(told["refused"])) == (0, 1), f"C10: the fourth time: {told}"
    give_up(fleet, forge, "C10")
