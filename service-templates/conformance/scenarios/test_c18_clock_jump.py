"""C18: the clock of a machine jumps by hours. Sagas, leases and identifiers do not notice."""

from __future__ import annotations

import pytest

from rig.bus import firsts
from rig.fleet import Fleet
from rig.invariants import BUCKETS
from rig.load import Load
from rig.players import Players
from rig.sagas import rush
from rig.waiting import until

OWNERS = "SELECT count(DISTINCT owner), count(*) FROM lease WHERE name ~ '^relay:' AND expires_at > clock_timestamp()"
TAKEN = """
SELECT extract(epoch FROM sent_at - (SELECT started_at FROM saga_instance i WHERE i.saga_id = s.saga_id))::float8
  FROM saga_step s WHERE saga_id = %s AND name = 'AuthorizePayment' AND direction = 'forward'
"""
WITHIN, LATE = 5.0, 2.0


@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["forward", "back"])
def test_timers_and_leases(fleet: Fleet, jump: float) -> None:
    clock = fleet.folder / "clock"
    clock.write_text("0")
    fleet.only()
    fleet.start("order", FLEET_CLOCK_OFFSET_FILE=str(clock))
    fleet.start("counter", FLEET_CLOCK_OFFSET_FILE=str(clock))
    fleet.ensure("tally")
    players = Players(fleet)
    try:
        saga = rush(fleet)
        players.follow(saga.id, {("AuthorizePayment", False): ["silent"]})
        load = Load(fleet, keys=3)
        load.send(10)
        clock.write_text(str(jump))
        load.send(20)
        saga.await_end("completed")
        taken = fleet.sql("order", TAKEN, saga.id)[0][0]
        assert WITHIN <= taken <= WITHIN + LATE, f"C18: the second attempt after {taken:.1f} s"
        until(lambda: fleet.sql("counter", OWNERS)[0] == (1, BUCKETS), "C18: the relay keeps its leases", 10)
        load.check()
        stamps = [record.headers["ce_time"] for record in fleet.bus.read() if record.key in load.names]
        assert len({stamp[:13] for stamp in stamps}) > 1, "the clock did not jump: nothing is shown"
        written = [record.ce_id for record in firsts(fleet.bus.records) if not record.by_suite]
        assert len(written) == len({(r.topic, r.ce_id) for r in firsts(fleet.bus.records) if not r.by_suite})
    finally:
        players.stop()
    fleet.only()
