"""C26: a saga cannot go on by itself. It waits for an operator, who may retry, skip, compensate or abort, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rig.fleet import Fleet
from rig.players import Players, Script
from rig.sagas import Saga, rush

TIMEOUT, LATE = 40.0, 2.0
TAKEN = "SELECT extract(epoch FROM updated_at - started_at)::float8 FROM saga_instance WHERE saga_id = %s"
REFUSING_UNDO: Script = {("ReserveStock", False): ["refuse"], ("AuthorizePayment", True): ["refuse"]}


@pytest.fixture
def players(fleet: Fleet) -> Iterator[Players]:
    fleet.only("order")
    fleet.ensure("order")
    players = Players(fleet)
    yield players
    players.stop()


def stuck(fleet: Fleet, players: Players) -> Saga:
    saga = rush(fleet)
    players.follow(saga.id, REFUSING_UNDO)
    return saga.await_end("stuck", 30)


def operate(fleet: Fleet, saga: Saga, op: str, version: int, **options):
    return fleet.operate("order", f"sagas/{saga.id}:{op}", {"reason": "C26"}, version=version, **options)


@pytest.mark.parametrize(
    ("op", "ends"),
    [("retry", "compensated"), ("skip", "compensated"), ("compensate", "compensated"), ("abort", "aborted")],
)
def test_each_operation(fleet: Fleet, players: Players, op: str, ends: str) -> None:
    saga = stuck(fleet, players)
    version = saga.version
    stale = operate(fleet, saga, op, version - 1)
    assert stale.status == 409, f"C26: a stale version: {stale.status} {stale.body!r}"
    stranger = operate(fleet, saga, op, version, scopes=("order:place-order",))
    assert stranger.status == 403, f"C26: without the role: {stranger.status}"
    assert saga.status == "stuck"
    done = operate(fleet, saga, op, version)
    assert done.status == 200, done.body
    again = operate(fleet, saga, op, version)
    assert again.status == 200, f"C26: the same again: {again.status} {again.body!r}"
    saga.await_end(ends)
    rows = fleet.sql("order", "SELECT op, actor, reason FROM saga_action WHERE saga_id = %s", saga.id)
    assert rows == [(op, "operator", "C26")], f"C26: recorded {rows}"


def test_stuck_in_time(fleet: Fleet, players: Players) -> None:
    """The pivot is never answered: nobody knows whether it was carried out, so the saga neither goes on nor back."""
    saga = rush(fleet)
    players.follow(saga.id, {("SendParcel", False): ["silent"] * 20})
    saga.await_end("stuck", TIMEOUT + 15)
    taken = fleet.sql("order", TAKEN, saga.id)[0][0]
    assert TIMEOUT <= taken <= TIMEOUT + LATE, f"C26: stuck after {taken:.1f} s"
    listed = fleet.operate("order", "sagas?status=stuck", method="GET").json()["items"]
    assert saga.id in {item["sagaId"] for item in listed}, "C26: not shown to operators"
    refused = operate(fleet, saga, "compensate", saga.version)
    assert refused.status == 409, "C26: turned round though the pivot may have been carried out"
    assert operate(fleet, saga, "abort", saga.version).status == 200
    saga.await_end("aborted")
