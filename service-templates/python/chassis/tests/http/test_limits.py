from __future__ import annotations

import socket
import threading
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest

from chassis.http import app
from chassis.http.app import Api
from chassis.http.calls import Ports
from chassis.http.limits import SUBJECTS_MOST, RateLimiter
from chassis.http.problem import Problem
from chassis.http.serving import listen
from chassis.testing import ApiClient, MemoryRepository
from tiny_parts import placing
from tiny_service import facts, tiny_service


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def admitted(limiter: RateLimiter, subject: str = "ada", tries: int = 1000) -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.admit(subject)
            count += 1
        except Problem as problem:
            assert problem.status == 429
    return count


def test_so_many_a_minute_for_each_subject() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    assert admitted(limiter) == 60
    assert admitted(limiter, "bob") == 60
    clock.now = 10
    assert admitted(limiter) == 10
    clock.now = 1000
    assert admitted(limiter) == 60


def test_refusal_says_when_to_come_back() -> None:
    limiter = RateLimiter(6, Clock())
    assert admitted(limiter, tries=6) == 6
    with pytest.raises(Problem) as caught:
        limiter.admit("ada")
    assert caught.value.headers == {
        "retry-after": "10",
        "ratelimit-limit": "6",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "10",
    }


def test_memory_is_bounded_and_zero_limits_nothing() -> None:
    limiter = RateLimiter(1, Clock())
    for number in range(SUBJECTS_MOST + 10):
        limiter.admit(str(number))
    assert len(limiter._buckets) == SUBJECTS_MOST
    assert admitted(RateLimiter(0)) == 1000


def test_limit_is_for_users_not_for_services() -> None:
    client = ApiClient(tiny_service(MemoryRepository("order_id")), limiter=RateLimiter(2, Clock()))
    user = client.acting_as(kind="user")
    assert [user.get("/orders").status_code for _ in range(3)] == [200, 200, 429]
    assert [client.get("/orders").status_code for _ in range(5)] == [200] * 5


def test_more_than_can_wait_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads, one place in the queue: of six requests three are served, three hear 503 while those still run."""
    monkeypatch.setattr(app, "THREADS", 2)
    leave = threading.Event()
    limits = facts()["limits"] | {"bulkhead_queued": 1}
    service = tiny_service(MemoryRepository("order_id"), limits=limits, before_place=lambda: leave.wait(10))
    inner = ApiClient(service)
    ports: Ports = replace(inner.ports)
    statuses: list[int] = []

    async def ask() -> None:
        transport = httpx.ASGITransport(Api(service, ports).app())
        headers: dict[str, Any] = {"authorization": inner.authorization}
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://t") as client,
            anyio.create_task_group() as group,
        ):

            async def post(number: int) -> None:
                answer = await client.post(
                    "/orders", json=placing(), headers=headers | {"idempotency-key": str(number)}
                )
                statuses.append(answer.status_code)
                if statuses.count(503) == 3:
                    leave.set()

            for number in range(6):
                group.start_soon(post, number)

    anyio.run(ask)
    assert statuses[:3] == [503] * 3
    assert statuses[3:] == [201] * 3


def test_accepted_connections_do_not_wait_to_fill_packets() -> None:
    """The event loop turns Nagle's algorithm off only where the socket names its protocol."""
    listener = listen("127.0.0.1", 0)
    assert listener.proto == socket.IPPROTO_TCP
    listener.close()


def test_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", other.getsockname()[1])
