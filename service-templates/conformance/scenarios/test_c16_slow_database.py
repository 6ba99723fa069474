"""C16: every answer of the database takes two seconds.

Deadlines hold, and nothing is left over when it is quick again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from rig.fleet import Fleet
from rig.load import Load
from rig.waiting import until

PATIENT, MARGIN = 1.0, 2.0  # seconds a caller waits; what an answer may come later on a busy machine
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'conformance'
"""


@pytest.fixture
def load(fleet: Fleet) -> Iterator[Load]:
    fleet.only()
    fleet.start("counter", **fleet.servers.behind_proxies(fleet.database_url("counter")))
    fleet.ensure("tally")
    load = Load(fleet, keys=5)
    load.send(30)
    yield load
    fleet.only()
    fleet.ensure("counter", "tally")


def ask_at_once(fleet: Fleet, name: str) -> tuple[list[float], list[int]]:
    """Twenty requests while the database is slow: seconds until they were answered, and how (0 for not at all)."""
    late: list[float] = []
    statuses: list[int] = []

    def ask() -> None:
        begun = time.monotonic()
        headers = {"X-Deadline-Ms": str(int(PATIENT * 1000))}
        reply = fleet.ask("AddToCounter", {"name": name, "amount": 1}, limit=30, headers=headers)
        late.append(time.monotonic() - begun)
        statuses.append(reply.status if reply else 0)

    with fleet.servers.to_postgres.toxic("latency", latency=2000):
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return late, statuses


def test_nothing_is_left_over(fleet: Fleet, load: Load) -> None:
    name = load.names[0]
    _, statuses = ask_at_once(fleet, name)
    load.added[name] += statuses.count(200)  # what was carried out all the same
    refused = [status for status in statuses if status != 200]
    assert all(status in (503, 504) for status in refused), f"C16: {statuses}"
    load.send(30)
    load.check()
    until(lambda: fleet.sql("counter", CONNECTIONS)[0][0] <= 14, "C16: connections are left over", 90)


@pytest.mark.xfail(strict=True, reason="a deadline is checked before work begins, not between statements")
def test_deadlines_hold(fleet: Fleet, load: Load) -> None:
    late, _ = ask_at_once(fleet, load.names[0])
    assert max(late) <= PATIENT + MARGIN, f"C16: answered after {max(late):.1f} s"
