"""C42: SIGTERM under load. No request fails behind a balancer, leases are given up, others take over at once."""

from __future__ import annotations

import signal
import threading
import time
import uuid

from rig.fleet import Fleet
from rig.instance import Instance
from rig.invariants import BUCKETS
from rig.load import Load
from rig.waiting import until

TAKEOVER = 3.0
OWNERS = "SELECT count(DISTINCT owner), count(*) FROM lease WHERE name ~ '^relay:' AND expires_at > clock_timestamp()"


class Balancer:
    """Passes each request to an instance; where that is leaving, or sheds load, the same request goes to the next."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet, self._given = fleet, {"name": name, "amount": 1}
        self.failed: list[str] = []
        self.done = 0

    def send(self) -> None:
        """One request, with one key however often it is passed on."""
        key, told = str(uuid.uuid4()), []
        for instance in self._fleet.running("counter") * 3:
            reply = self._fleet.ask("AddToCounter", self._given, subject="balanced", key=key, at=instance, limit=20)
            if reply is not None and reply.status in (200, 201):
                self.done += 1
                return
            told.append(reply.status if reply else 0)
            if told[-1] not in (0, 409, 503):
                break
        self.failed.append(f"answered {told}")


def test_sigterm_under_load(fleet: Fleet) -> None:
    fleet.ensure("counter", "tally")
    leaving = fleet.one("counter")
    fleet.start("counter")
    until(lambda: fleet.sql("counter", OWNERS)[0] == (2, BUCKETS), "both relay", 30)
    load = Load(fleet, keys=1)
    balancer, over = Balancer(fleet, load.names[0]), threading.Event()

    def client() -> None:
        while not over.wait(0.02):
            balancer.send()

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: balancer.done > 30, "requests flow")
        took = terminated(fleet, leaving)
        seen = balancer.done
        until(lambda: balancer.done > seen + 30, "requests flow on")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert balancer.failed == [], f"C42: {len(balancer.failed)} requests failed: {balancer.failed[:3]}"
    assert took <= TAKEOVER, f"C42: takeover after {took:.1f} s"
    load.added[load.names[0]] += balancer.done
    load.check()


def terminated(fleet: Fleet, leaving: Instance) -> float:
    """Seconds from the end of the process until its buckets have another owner."""
    leaving.send(signal.SIGTERM)
    code = leaving.await_end(30)
    ended = time.monotonic()
    assert code == 0, f"C42: ended with {code}"
    until(lambda: fleet.sql("counter", OWNERS)[0] == (1, BUCKETS), lambda: f"{fleet.sql('counter', OWNERS)}", 15)
    return time.monotonic() - ended
