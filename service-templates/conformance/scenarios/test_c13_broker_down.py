"""C13: the broker is away. Commands succeed all the same, services stay ready, and the backlog drains afterwards."""

from __future__ import annotations

import threading
import time

import pytest

from rig.fleet import Fleet
from rig.load import Load
from rig.waiting import until

BACK_TO_NORMAL = 10.0


@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.full)])
def test_commands_go_on_without_a_broker(fleet: Fleet, seconds: int) -> None:
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=10, pace=0.05)
    load.send(40)
    normal = load.p99()
    fleet.servers.kafka.kill()
    try:
        load.refused.clear()
        load.seconds.clear()
        with load.flowing():
            threading.Event().wait(seconds)  # the fault lasts so long; nothing is waited for
        shed = load.refused.pop("503", 0)  # on a machine with too much to do; each was asked again and carried out
        assert not load.refused and shed <= len(load.seconds) / 5, f"C13: refused: {load.refused}, shed: {shed}"
        assert fleet.one("counter").is_ready, "C13: not ready, though its database is there"
        unsent = fleet.sql("counter", "SELECT count(*) FROM outbox")[0][0]
        assert unsent >= len(load.seconds), f"C13: {unsent} rows wait, but {len(load.seconds)} commands succeeded"
    finally:
        fleet.servers.kafka.start()
    back = time.monotonic()
    empty = "SELECT count(*) FROM outbox"
    until(lambda: fleet.sql("counter", empty)[0][0] == 0, "C13: the backlog drains", 60)
    load.seconds.clear()
    load.send(40)
    assert load.p99() <= max(2.0, 5 * normal), f"C13: p99 {load.p99():.2f} s, was {normal:.2f} s"
    print(f"drained {unsent} rows, {time.monotonic() - back:.1f} s after the broker was back")
    load.check()
