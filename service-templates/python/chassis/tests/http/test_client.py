"""Calls of peers, against a peer that is a function."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from chassis.definition import Definition, Route
from chassis.http.breaker import Rules, State
from chassis.http.client import PeerAnswer, PeerClient, PeerUnavailable
from chassis.settings import read
from chassis.work import SagaHeaders
from tiny_service import GOOD, PEER, facts, name

ROUTE = Route(method="POST", path="/cards/{cardId}/charge")
Peer = Callable[[httpx.Request], httpx.Response]


class World:
    """The issuer and one peer."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.tokens = 0
        self.calls: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            self.tokens += 1
            assert b"grant_type=client_credentials" in request.content
            assert request.headers["authorization"].startswith("Basic ")
            return httpx.Response(200, json={"access_token": f"token-{self.tokens}", "expires_in": 300})
        self.calls.append(request)
        return self.peer(request)


def client_of(world: World, **limits: Any) -> PeerClient:
    content = facts(peers=[{"name": name("card-office"), "commands": ["Charge"]}])
    content["limits"] |= limits
    definition = Definition.model_validate(content)
    return PeerClient(read({**GOOD, **PEER}, definition), definition.limits, transport=httpx.MockTransport(world))


def charge(client: PeerClient, **more: Any) -> PeerAnswer:
    inputs = {"cardId": "a/b", "amount": 7}
    return client.post("card-office", ROUTE, inputs, idempotency_key="k", correlation_id="c", **more)


def charged(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"event": "Charged", "data": {"amount": 7}})


def failing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500)


def test_call() -> None:
    world = World(charged)
    client = client_of(world)
    saga = SagaHeaders(id=UUID(int=1), type="Checkout", step="Charge", part="1/2")
    assert charge(client, saga=saga) == PeerAnswer(200, "Charged", {"amount": 7}, rejected=False)
    assert charge(client).carried_out
    (first, _) = world.calls
    assert str(first.url) == "http://127.0.0.1:8081/cards/a%2Fb/charge"
    assert first.content == b'{"amount":7}'
    sent = {key: first.headers[key] for key in ("idempotency-key", "x-correlation-id", "authorization", "x-saga-id")}
    assert sent == {
        "idempotency-key": "k",
        "x-correlation-id": "c",
        "authorization": "Bearer token-1",
        "x-saga-id": str(UUID(int=1)),
    }
    assert (first.headers["x-saga-step"], first.headers["x-saga-part"]) == ("Charge", "1/2")
    assert 0 < int(first.headers["x-deadline-ms"]) <= 4950
    assert world.tokens == 1, "kept for the second call"


def test_rejection_is_an_outcome() -> None:
    refusal = {"type": "t/rejected", "title": "no", "status": 409, "rejection": "Declined", "data": {"why": "limit"}}
    answer = charge(client_of(World(lambda request: httpx.Response(409, json=refusal))))
    assert (answer.event, answer.data, answer.rejected, answer.carried_out) == (
        "Declined",
        {"why": "limit"},
        True,
        True,
    )


@pytest.mark.parametrize("status", [400, 404, 422])
def test_no_outcome_and_no_use_in_trying_again(status: int) -> None:
    answer = charge(client_of(World(lambda request: httpx.Response(status, json={"detail": "d"}))))
    assert (answer.carried_out, answer.status, answer.detail) == (False, status, "d")


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(500),
        httpx.Response(503),
        httpx.Response(429),
        httpx.Response(409, json={"type": "https://fleet.invalid/problems/in-flight"}),
    ],
)
def test_unknown_outcome(response: httpx.Response) -> None:
    with pytest.raises(PeerUnavailable):
        charge(client_of(World(lambda request: response)))


def test_refused_token_is_renewed_once() -> None:
    world = World(
        lambda request: charged(request) if "token-2" in request.headers["authorization"] else httpx.Response(401)
    )
    assert charge(client_of(world)).carried_out
    assert world.tokens == 2
    stubborn = World(lambda request: httpx.Response(401))
    assert charge(client_of(stubborn)).status == 401
    assert len(stubborn.calls) == 2


def test_peer_that_fails_is_left_alone() -> None:
    world = World(failing)
    client = client_of(world, breaker_failures=3)
    for _ in range(10):
        with pytest.raises(PeerUnavailable):
            charge(client)
    assert len(world.calls) == 3


def test_client_errors_do_not_open_the_breaker() -> None:
    world = World(lambda request: httpx.Response(422, json={}))
    client = client_of(world, breaker_failures=2)
    for _ in range(5):
        assert not charge(client).carried_out
    assert len(world.calls) == 5


def test_no_more_calls_at_once_than_allowed() -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(request: httpx.Request) -> httpx.Response:
        inside.set()
        assert leave.wait(10)
        return charged(request)

    client = client_of(World(slow), bulkhead_concurrent=1)
    first = threading.Thread(target=charge, args=(client,))
    first.start()
    assert inside.wait(10)
    with pytest.raises(PeerUnavailable, match="too many"):
        charge(client, seconds=0.1)
    leave.set()
    first.join()


def test_unreachable_peer_says_nothing_of_its_address() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    with pytest.raises(PeerUnavailable, match="ConnectError"):
        charge(client_of(World(refuse)))


# -- the breaker's core

RULES = Rules(failures=2, open_seconds=30.0)


def test_breaker_opens_for_longer_each_time_and_closes_after_two_successes() -> None:
    state, now = State(), 0.0
    for _ in range(2):
        state = RULES.after(state, False, now)
    assert (state.name, state.until) == ("open", 30.0)
    assert RULES.admit(state, 29.9) == (state, False)
    waits = []
    for _ in range(6):
        now = state.until
        state, admitted = RULES.admit(state, now)
        assert admitted
        assert not RULES.admit(state, now)[1], "one probe only"
        state = RULES.after(state, False, now)
        waits.append(state.until - now)
    assert waits == [60.0, 120.0, 240.0, 300.0, 300.0, 300.0]
    for expected in ("half-open", "closed"):
        state, admitted = RULES.admit(state, state.until)
        assert admitted
        state = RULES.after(state, True, now)
        assert state.name == expected
    assert state == State()


def test_failures_must_be_in_a_row() -> None:
    state = State()
    for succeeded in (False, True, False, True, False):
        state = RULES.after(state, succeeded, 0.0)
    assert state.name == "closed"
