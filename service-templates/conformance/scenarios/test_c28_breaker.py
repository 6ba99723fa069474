"""C28 to C30: a peer that is called fails, recovers, fails again.

It is left alone, probed, and never called too late.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from rig.fleet import Fleet
from rig.peer import Peer
from rig.sagas import OWNER, Saga, begin
from rig.waiting import until

FAILURES, OPEN, SPREAD = 5, 30.0, 0.1
TRIES, SHARE = 3, 0.10


@pytest.fixture
def peer(fleet: Fleet) -> Iterator[Peer]:
    """The service `risk`, played by the suite; `order` calls it in each saga `appraise`."""
    peer = Peer()
    fleet.only()
    fleet.peers["risk"] = peer.url
    fleet.ensure(OWNER)
    yield peer
    peer.status, peer.slow = (lambda request: 201), 0.0
    del fleet.peers["risk"]
    until(lambda: not fleet.sql(OWNER, LIVE), "the sagas end", 150)
    fleet.only()
    peer.close()


LIVE = "SELECT saga_id FROM saga_instance WHERE saga_type = 'appraise' AND status IN ('running', 'compensating')"


def appraise(fleet: Fleet, sku: str = "x") -> Saga:
    return begin(fleet, "OpenAppraisal", {"sku": sku})


def test_a_call_that_succeeds(fleet: Fleet, peer: Peer) -> None:
    appraise(fleet).await_end("completed")
    (request,) = peer.requests
    assert 0 < int(request.headers["x-deadline-ms"]) <= 5000, "C30: the callee is told how long its caller waits"
    assert request.key, "C30: a call that may be repeated has a key"


def test_opens_and_probes(fleet: Fleet, peer: Peer) -> None:
    peer.status = lambda request: 503
    sagas = [appraise(fleet) for _ in range(3)]
    until(lambda: peer.count() >= FAILURES, "the peer is asked", 30)
    time.sleep(3)  # in which it must be left alone
    asked = peer.count()
    under_way = len(sagas) - 1  # calls that had begun when it opened
    assert FAILURES <= asked <= FAILURES + under_way, f"C28: asked {asked} times, not {FAILURES}"
    opened = peer.requests[asked - 1].at
    until(lambda: peer.count() > asked, "C28: the probe", OPEN * 1.4)
    first = peer.requests[asked].at - opened
    assert OPEN * (1 - SPREAD) <= first <= OPEN * (1 + SPREAD) + 11, f"C28: the probe came after {first:.1f} s"
    time.sleep(3)
    assert peer.count() == asked + 1, "C28: more than one probe"
    peer.status = lambda request: 201
    for saga in sagas:
        saga.await_end("completed", 120)
    keys = Counter(request.key for request in peer.requests)
    assert len(keys) == len(sagas), "C28: the same call has the same key, however often it is made"


def test_a_storm_of_retries(fleet: Fleet, peer: Peer) -> None:
    """Every third call fails. So many may be repeated at once, and no more."""
    failing = iter(range(1_000_000))
    peer.status = lambda request: 503 if next(failing) % 3 == 0 else 201
    begun = time.monotonic()
    sagas = [appraise(fleet) for _ in range(90)]
    until(lambda: len({request.key for request in peer.requests}) == len(sagas), "each was called", 60)
    for saga in sagas:
        saga.await_end("completed", 120)
    at_once = sum(
        later.at - earlier.at < 0.45 for calls in by_key(peer).values() for earlier, later in itertools.pairwise(calls)
    )
    calls = peer.count() - at_once
    print(f"{calls} calls, {at_once} repeated at once, in {time.monotonic() - begun:.0f} s")
    assert at_once <= SHARE * calls + 10, f"C29: {at_once} of {calls} calls were repeated at once"


def by_key(peer: Peer) -> dict[str, list]:
    found: dict[str, list] = {}
    for request in list(peer.requests):
        found.setdefault(request.key, []).append(request)
    return found


def test_a_request_whose_time_is_over(fleet: Fleet, peer: Peer) -> None:
    reply = fleet.ask("OpenAppraisal", {"sku": "late"}, headers={"X-Deadline-Ms": "0"})
    assert reply is not None and reply.status == 504, reply
    assert fleet.sql(OWNER, "SELECT count(*) FROM appraisals WHERE sku = 'late'") == [(0,)], "C30: begun all the same"
