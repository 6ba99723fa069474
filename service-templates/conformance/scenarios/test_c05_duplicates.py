"""C05: every record comes again, up to five times, late, and in another partition; each takes effect once."""

from __future__ import annotations

import random
import uuid

from rig.fleet import Fleet
from rig.forge import decode
from rig.invariants import await_rest
from rig.load import Load


def board(fleet: Fleet) -> str:
    """A board that counts signals."""
    name = f"board-{uuid.uuid4().hex[:8]}"
    fleet.do("PutUpBoard", {"board": name, "signals": 0})
    return name


def counted(fleet: Fleet, name: str) -> int:
    return int(fleet.sql("tally", "SELECT signals FROM boards WHERE board = %s", name)[0][0])


def test_records_written_again(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    begun = len(fleet.bus.read())
    load, name = Load(fleet, keys=10), board(fleet)
    load.send(80)
    for _ in range(5):
        fleet.do("SendSignal", {"board": name})
    await_rest(fleet)
    records = [record for record in fleet.bus.read()[begun:] if record.topic.startswith("probe.counter.")]
    assert len(records) >= 100
    chance = random.Random(5)
    for record in records:
        for _ in range(chance.randint(1, 5)):
            elsewhere = record.partition if chance.random() < 0.8 else (record.partition + 1) % 12
            fleet.bus.write(record.topic, record.key, record.headers, record.value, elsewhere)
    fleet.bus.flush()
    await_rest(fleet)
    load.check()
    assert counted(fleet, name) == 5, f"C05: five signals counted as {counted(fleet, name)}"


def test_a_record_that_comes_again_after_weeks(fleet: Fleet) -> None:
    """The inbox remembers for longer than a topic keeps and a dead letter waits; its rows are made to look old."""
    fleet.ensure("counter", "tally")
    load, name = Load(fleet, keys=2), board(fleet)
    load.send(10)
    fleet.do("SendSignal", {"board": name})
    await_rest(fleet)
    old = [record for record in fleet.bus.read() if record.key in load.names]
    topic = "probe.counter.signal.events"
    old += [record for record in fleet.bus.of(topic) if decode(fleet, record)["board"] == name]
    fleet.sql("tally", "UPDATE inbox SET processed_at = processed_at - interval '37 days'")
    fleet.one("tally").stop()
    fleet.start("tally")
    fleet.bus.again(old)
    await_rest(fleet)
    load.check()
    assert counted(fleet, name) == 1, f"C05: one signal counted as {counted(fleet, name)}"


def test_a_request_that_comes_again(fleet: Fleet) -> None:
    """The same key gets the same answer; another request with that key is refused."""
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=1)
    name = load.names[0]
    first = fleet.do("AddToCounter", {"name": name, "amount": 7}, key="same-key")
    again = fleet.do("AddToCounter", {"name": name, "amount": 7}, key="same-key")
    assert again.body == first.body
    assert again.headers.get("idempotent-replayed") == "true"
    other = fleet.ask("AddToCounter", {"name": name, "amount": 8}, key="same-key")
    assert other is not None and other.status == 422, other
    assert fleet.sql("counter", "SELECT total FROM counters WHERE name = %s", name) == [(7,)]
