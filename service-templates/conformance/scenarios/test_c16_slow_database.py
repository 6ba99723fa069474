"""C16: every answer of the database takes two seconds.

Deadlines hold, and nothing is left over when it is quick again.
"""

from __future__ import annotations

import threading
import time

from rig.fleet import Fleet
from rig.load import Load
from rig.waiting import until

PATIENT, MARGIN = 1.0, 2.0  # seconds a caller waits; what an answer may come later on a busy machine
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'conformance'
"""


def test_deadlines_hold(fleet: Fleet) -> None:
    fleet.only()
    fleet.start("counter", **fleet.servers.behind_proxies(fleet.database_url("counter")))
    fleet.ensure("tally")
    load = Load(fleet, keys=5)
    load.send(30)
    name, late, statuses = load.names[0], [], []

    def ask() -> None:
        begun = time.monotonic()
        reply = fleet.ask(
            "AddToCounter", {"name": name, "amount": 1}, limit=15, headers={"X-Deadline-Ms": str(int(PATIENT * 1000))}
        )
        late.append(time.monotonic() - begun)
        statuses.append(reply.status if reply else 0)

    with fleet.servers.to_postgres.toxic("latency", latency=2000):
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert max(late) <= PATIENT + MARGIN + 2.0, f"C16: answered after {max(late):.1f} s"
    assert all(status in (503, 504) for status in statuses), f"C16: {statuses}"
    load.send(30)
    load.check()
    until(lambda: fleet.sql("counter", CONNECTIONS)[0][0] <= 14, "C16: connections are left over", 90)
    fleet.only()
    fleet.ensure("counter", "tally")
