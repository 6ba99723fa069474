"""Idempotency keys on a real database: effect, events and answer are one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chassis import faults
from chassis.http.idempotency import SWEEP_BATCH, request_digest, sweep
from chassis.http.problem import Answer
from tiny_parts import CUSTOMER, Parts, orders, parts_on, placing
from tiny_service import Order


@pytest.fixture
def parts(database_url: str, tmp_path: Path) -> Iterator[Parts]:
    with parts_on(database_url, tmp_path) as parts:
        yield parts


def counts(parts: Parts) -> tuple[int, int, int]:
    """Orders, messages and stored answers."""
    (row,) = parts.rows(
        'SELECT (SELECT count(*) FROM "order"), (SELECT count(*) FROM outbox), (SELECT count(*) FROM idempotency)'
    )
    return row  # type: ignore[return-value]


def kind(answer: Answer) -> str:
    return str(answer.body["type"]).rpartition("/")[2]


def test_effect_events_and_answer_are_one(parts: Parts) -> None:
    first = parts.command("PlaceOrder", placing(), key="k")
    assert (first.status, counts(parts)) == (201, (1, 1, 1))
    again = parts.command("PlaceOrder", placing(), key="k")
    assert (again.status, again.content(), again.headers["idempotent-replayed"]) == (201, first.content(), "true")
    other = parts.command("PlaceOrder", placing(quantity=3), key="k")
    assert (other.status, kind(other)) == (422, "idempotency-key-reused")
    assert counts(parts) == (1, 1, 1)


def test_rejection_is_kept_too(parts: Parts) -> None:
    first = parts.command("PlaceOrder", placing(quantity=100), key="k")
    again = parts.command("PlaceOrder", placing(quantity=100), key="k")
    assert (first.status, again.status, again.body) == (409, 409, first.body)
    assert again.headers["content-type"] == "application/problem+json"
    assert counts(parts) == (1, 1, 1)


def test_error_keeps_nothing(parts: Parts) -> None:
    for quantity in (0, 1000):
        assert parts.command("PlaceOrder", placing(quantity=quantity), key="k").status in (409, 500)
    assert counts(parts) == (0, 0, 0)
    assert parts.command("PlaceOrder", placing(), key="k").status == 201


@pytest.fixture
def crash_before_commit() -> Iterator[None]:
    def crash(label: str, _: str) -> None:
        if label == "tx.before_commit":
            raise ConnectionResetError

    faults.install(crash)
    yield
    faults.install(None)


def test_crash_before_commit_leaves_no_trace(
    parts: Parts, crash_before_commit: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parts.command("PlaceOrder", placing(), key="k").status == 500
    faults.install(None)
    assert counts(parts) == (0, 0, 0)
    assert parts.command("PlaceOrder", placing(), key="k").status == 201


def test_same_key_at_the_same_time(database_url: str, tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert leave.wait(10)

    with parts_on(database_url, tmp_path, before_place=wait) as parts, ThreadPoolExecutor(1) as pool:
        first = pool.submit(parts.command, "PlaceOrder", placing(), key="k")
        assert entered.wait(10)
        second = parts.command("PlaceOrder", placing(), key="k")
        assert (second.status, kind(second), second.headers["retry-after"]) == (409, "in-flight", "1")
        leave.set()
        assert first.result(10).status == 201
        third = parts.command("PlaceOrder", placing(), key="k")
        assert (third.status, third.body) == (201, first.result().body)
        assert counts(parts) == (1, 1, 1)


def test_twenty_clients_with_one_key(parts: Parts) -> None:
    """Whatever the interleaving: one effect, and every success says the same."""
    for round_ in range(5):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, k=f"k{round_}": parts.command("PlaceOrder", placing(), key=k), range(20)))
        assert {answer.status for answer in answers} <= {201, 409}
        bodies = {answer.content() for answer in answers if answer.status == 201}
        assert len(bodies) == 1
        assert all(kind(answer) == "in-flight" for answer in answers if answer.status == 409)
    assert counts(parts) == (5, 5, 5)


def test_keys_of_other_routes_and_callers_do_not_meet(parts: Parts) -> None:
    order = parts.command("PlaceOrder", placing(), key="k").body["data"]["orderId"]
    confirmed = parts.command("ConfirmOrder", {}, key="k", path={"orderId": order})
    assert (confirmed.status, confirmed.body["event"]) == (200, "OrderConfirmed")


def test_digest_is_of_the_meaning() -> None:
    assert request_digest({"a": 1, "b": [1, 2]}) == request_digest({"b": [1, 2], "a": 1})
    assert request_digest({"a": 1, "b": [1, 2]}) != request_digest({"a": 1, "b": [2, 1]})


def test_sweep_takes_what_is_older_than_a_day(parts: Parts) -> None:
    with parts.database.connection() as connection:
        connection.execute(
            "INSERT INTO idempotency (scope, key, request_hash, status, response, created_at)"
            " SELECT 's', n::text, '', 200, '{}', now() - make_interval(hours => CASE WHEN n > 10 THEN 25 ELSE 23 END)"
            " FROM generate_series(1, %s) n",
            (SWEEP_BATCH + 15,),
        )
    swept = []
    while not swept or swept[-1]:
        with parts.database.connection() as connection:
            swept.append(sweep(connection))
    assert swept == [SWEEP_BATCH, 5, 0]
    assert counts(parts)[2] == 10


class SlowOrders:
    """Waits in the database before it stores."""

    def __init__(self, statement: str) -> None:
        self._statement, self._orders = statement, orders()

    def add(self, work: Any, state: Order) -> None:
        work.connection.execute(self._statement)
        self._orders.add(work, state)

    def find(self, *arguments: Any) -> Any:
        return self._orders.find(*arguments)


def test_statement_ends_with_the_callers_patience(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with parts_on(database_url, tmp_path, SlowOrders("SELECT pg_sleep(30)")) as parts:
        monkeypatch.setattr("chassis.http.incoming.Incoming.remaining", lambda _: 0.2)
        answer = parts.command("PlaceOrder", placing())
        assert (answer.status, kind(answer)) == (504, "deadline")
        assert counts(parts) == (0, 0, 0)


def test_limit_ends_with_its_transaction(parts: Parts) -> None:
    assert parts.command("PlaceOrder", placing()).status == 201
    with ExitStack() as stack:
        connections = [stack.enter_context(parts.database.connection()) for _ in range(3)]
        shown = {connection.execute("SHOW statement_timeout").fetchone() for connection in connections}
    assert len(shown) == 1, "a connection that served a request is like any other"


def test_deadlock_victim_starts_over(parts: Parts) -> None:
    """Two commands lock two rows in opposite order; the database gives one up, the callers do not notice."""
    with parts.database.connection() as connection:
        connection.execute("CREATE TABLE lockable (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)")
        connection.execute("INSERT INTO lockable VALUES (1), (2)")
    both = threading.Barrier(2)
    tries: list[int] = []

    def crossing(first: int, second: int) -> Callable[[Any, Any], Any]:
        def handle(command: Any, work: Any) -> Any:
            tries.append(first)
            work.connection.execute("UPDATE lockable SET n = n + 1 WHERE id = %s", (first,))
            if len(tries) <= 2:
                both.wait(10)
            work.connection.execute("UPDATE lockable SET n = n + 1 WHERE id = %s", (second,))
            return place(command, work)

        return handle

    handlers = dict(parts.service.handlers)
    place = handlers["PlaceOrder"]
    answers = []
    with ThreadPoolExecutor(2) as pool:
        services = [_replaced(parts, {**handlers, "PlaceOrder": crossing(*pair)}) for pair in ((1, 2), (2, 1))]
        answers = [answer.result(30) for answer in [pool.submit(s.command, "PlaceOrder", placing()) for s in services]]
    assert [answer.status for answer in answers] == [201, 201]
    assert len(tries) == 3
    assert parts.rows("SELECT n FROM lockable") == [(2,), (2,)]


def _replaced(parts: Parts, handlers: Any) -> Parts:
    from dataclasses import replace

    return replace(parts, service=replace(parts.service, handlers=handlers))


def test_database_away_is_503(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise psycopg.OperationalError("connection refused for user app with password x")

    monkeypatch.setattr(parts.database, "_begin", refuse)
    answer = parts.command("PlaceOrder", placing())
    assert (answer.status, kind(answer)) == (503, "unavailable")
    assert "password" not in str(answer.body)


def test_query_reads_what_was_stored(parts: Parts) -> None:
    order = parts.command("PlaceOrder", placing()).body["data"]["orderId"]
    found = parts.query("GetOrder", {"orderId": order})
    assert (found.status, found.body["state"]) == (200, "placed")
    page = parts.query("SearchOrders", customerId=CUSTOMER)
    assert [item["orderId"] for item in page.body["items"]] == [order]
