"""C02: relays die at every point.

Others take their buckets over, and nothing is lost, doubled in effect or reordered.
"""

from __future__ import annotations

import time

import pytest

from rig.fleet import Fleet
from rig.invariants import BUCKETS
from rig.load import Load
from rig.waiting import until

TAKEOVER = 15.0
LABELS = ("relay.after_select", "relay.after_send", "relay.after_ack", "relay.after_delete", "relay.after_commit")
OWNERS = "SELECT count(DISTINCT owner), count(*) FROM lease WHERE name ~ '^relay:' AND expires_at > clock_timestamp()"


@pytest.mark.parametrize("commands", [300, pytest.param(10_000, marks=pytest.mark.full)])
def test_every_point_of_the_relay(fleet: Fleet, commands: int) -> None:
    fleet.ensure("counter", "tally")
    load = Load(fleet, keys=100 if commands > 1000 else 20)
    load.send(commands // 3)
    waves = [LABELS[:2], LABELS[2:4], LABELS[4:]]
    with load.flowing():
        for wave in waves:
            victims = [fleet.start("counter") for _ in wave]
            living = len(fleet.running("counter"))
            until(lambda living=living: shared_by(fleet) == (living, BUCKETS), "a fair share for all", 30)
            for victim, label in zip(victims, wave, strict=True):
                victim.at_points(crash_at=label)
            for victim in victims:
                victim.await_crash()
            died = time.monotonic()
            until(lambda: shared_by(fleet) == (1, BUCKETS), lambda: f"takeover: {shared_by(fleet)}", TAKEOVER)
            print(f"{wave}: taken over after {time.monotonic() - died:.1f} s")
    load.send(max(0, commands - len(load.seconds)))
    load.check()


def shared_by(fleet: Fleet) -> tuple[int, int]:
    """How many owners hold how many buckets."""
    owners, buckets = fleet.sql("counter", OWNERS)[0]
    return owners, buckets
