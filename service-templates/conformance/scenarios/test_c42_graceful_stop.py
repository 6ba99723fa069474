"""C42: SIGTERM under load. No request fails behind a balancer, leases are given up, others take over at once."""

from __future__ import annotations

import http.client
import json
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
    """Passes requests to instances that are ready; one that was refused a connection goes to the next."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet, self._name = fleet, name
        _, fact = fleet._commands["AddToCounter"]
        self._path = fact.route.path.replace("{name}", name)
        self._token = fleet._token("balanced", tuple(fact.scopes), False)
        self.failed: list[str] = []
        self.done = 0

    def send(self) -> None:
        for instance in self._fleet.running("counter"):
            connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=20)
            try:
                connection.connect()
            except OSError:
                continue  # nobody listens there any more: not yet a request
            try:
                headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": str(uuid.uuid4())}
                body = json.dumps({"amount": 1})
                connection.request("POST", self._path, body, {**headers, "Content-Type": "application/json"})
                status = connection.getresponse().status
                if status not in (200, 201):
                    self.failed.append(f"answered {status}")
                self.done += status in (200, 201)
            except (OSError, http.client.HTTPException) as reason:
                self.failed.append(repr(reason))
            finally:
                connection.close()
            return
        self.failed.append("no instance took it")


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
