"""C32: one caller may ask so often a minute of one instance, and no more; other callers do not notice."""

from __future__ import annotations

import threading
import time

import pytest

from rig.fleet import Fleet
from rig.load import Load

MINUTE, TOLERANCE = 1000, 0.02


@pytest.mark.full
def test_a_caller_who_asks_too_often(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    load, statuses, guard = Load(fleet, keys=1), [], threading.Lock()
    given = {"name": load.names[0], "amount": 1}
    begun = time.monotonic()

    def ask() -> None:
        for _ in range(200):
            reply = fleet.ask("AddToCounter", given, subject="greedy")
            with guard:
                statuses.append(reply.status if reply else 0)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begun
    admitted, allowed = statuses.count(200), MINUTE + MINUTE / 60 * seconds
    assert 429 in statuses, "nobody was refused: nothing is shown"
    assert admitted <= allowed * (1 + TOLERANCE), f"C32: {admitted} admitted in {seconds:.0f} s, not {allowed:.0f}"
    assert admitted >= allowed * (1 - TOLERANCE) - 8, f"C32: only {admitted} of {allowed:.0f} admitted"
    other = fleet.ask("AddToCounter", given, subject="modest")
    assert other is not None and other.status == 200
    load.added[load.names[0]] += admitted + 1
    load.check()
