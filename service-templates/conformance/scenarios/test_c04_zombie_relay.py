"""C04: a relay sleeps through the end of its leases, another takes over, the sleeper wakes.

Nothing takes effect twice.
"""

from __future__ import annotations

import signal

from rig.fleet import Fleet
from rig.invariants import BUCKETS, await_rest
from rig.load import Load
from rig.waiting import until

OWNERS = "SELECT count(DISTINCT owner), count(*) FROM lease WHERE name ~ '^relay:' AND expires_at > clock_timestamp()"


def test_a_relay_that_wakes_up(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    sleeper = fleet.one("counter")
    load = Load(fleet, keys=10, limit=3)
    load.send(20)
    sleeper.at_points(pause_at="relay.after_send:400")
    with load.flowing():
        awake = fleet.start("counter")
        sleeper.send(signal.SIGSTOP)
        try:
            until(lambda: fleet.sql("counter", OWNERS)[0] == (1, BUCKETS), "another took over", 20)
            seen = len(load.seconds)
            until(lambda: len(load.seconds) > seen + 20, "commands flow", 60)
        finally:
            sleeper.send(signal.SIGCONT)
        sleeper.at_points()
        until(lambda: fleet.sql("counter", OWNERS)[0] == (2, BUCKETS), "both share again", 30)
    load.check()
    await_rest(fleet)
    assert awake.lives and sleeper.lives
