"""One service asks another over real HTTP on loopback: tokens, deadlines, retries, breakers, bulkheads, shedding."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest

from chassis.calling import Peer, PeerRefused, PeerUnavailable
from chassis.definition import Definition
from chassis.doubles import FakeWork
from chassis.http.client import PeerClient
from chassis.message import message
from chassis.paging import PageRequest
from chassis.settings import read
from chassis.work import MessageContext
from tiny_service import GOOD, PEER, facts, name

Answer = tuple[int, dict[str, Any]]


@message
class GetCard:
    card_id: str


@message
class CardResult:
    card_id: str
    limit: int


@message
class FindCards:
    limit: int | None = None
    holder: str | None = None


@message
class Charge:
    card_id: str
    amount: int


@message
class Charged:
    amount: int


@message
class Refused:
    why: str


class Office:
    """The other service: `answer` says what it answers."""

    def __init__(self) -> None:
        self.answer: Callable[[Any], Answer] = lambda _: (200, {"cardId": "a/b", "limit": 5})
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(office) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.path == "/token":
                    return self._give(200, {"access_token": "t", "expires_in": 300})
                headers = {key.lower(): value for key, value in self.headers.items()}
                office.seen.append((self.command, self.path, headers, body))
                return self._give(*office.answer(self))

            do_GET = do_POST = _serve

            def _give(self, status: int, content: dict[str, Any]) -> None:
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    yield office
    office.server.shutdown()
    office.server.server_close()


@contextmanager
def client_of(office: Office, **limits: Any) -> Iterator[PeerClient]:
    content = facts(peers=[{"name": name("card-office"), "commands": ["Charge"]}])
    content["limits"] |= limits
    definition = Definition.model_validate(content)
    there = {"PEER_CARD_OFFICE_URL": office.url, "AUTH_TOKEN_URL": f"{office.url}/token"}
    client = PeerClient(read({**GOOD, **PEER, **there}, definition), definition.limits)
    try:
        yield client
    finally:
        client.close()


def work_of(client: PeerClient, seconds: float | None = None, cause: str | None = "cause-1") -> FakeWork:
    work = FakeWork(MessageContext(correlation_id="checkout-9", causation_id=cause), peers=client)
    work.deadline = None if seconds is None else time.monotonic() + seconds
    return work


OFFICE = Peer("card-office")


def card(work: FakeWork) -> CardResult | None:
    return OFFICE.one("/cards/{cardId}", GetCard(card_id="a/b"), CardResult, work)


def test_a_query_by_key(office: Office) -> None:
    with client_of(office) as client:
        assert card(work_of(client)) == CardResult(card_id="a/b", limit=5)
        office.answer = lambda _: (404, {"title": "none"})
        assert card(work_of(client)) is None
        office.answer = lambda _: (403, {"title": "no", "detail": "scope"})
        with pytest.raises(PeerRefused, match="scope"):
            card(work_of(client))
    method, path, headers, _ = office.seen[0]
    assert (method, path) == ("GET", "/cards/a%2Fb")
    assert (headers["authorization"], headers["x-correlation-id"]) == ("Bearer t", "checkout-9")


def test_a_search_sends_what_is_set_and_pages(office: Office) -> None:
    office.answer = lambda _: (200, {"items": [{"cardId": "c", "limit": 1}], "next": "c"})
    with client_of(office) as client:
        query = FindCards(holder="Ada & Co")
        page = OFFICE.page("/cards", query, PageRequest(limit=7, after="b"), CardResult, work_of(client))
    assert (page.items, page.next) == ((CardResult(card_id="c", limit=1),), "c")
    assert office.seen[0][1] == "/cards?holder=Ada+%26+Co&limit=7&after=b"


def test_a_command_has_one_key_however_often_its_message_is_handled(office: Office) -> None:
    office.answer = lambda _: (200, {"event": "Charged", "data": {"amount": 7}})
    answers: dict[str, type[Any]] = {"Charged": Charged, "Refused": Refused}
    with client_of(office) as client:
        for cause in ("cause-1", "cause-1", "cause-2"):
            done = OFFICE.command(
                "/cards/{cardId}", Charge(card_id="x", amount=7), answers, work_of(client, cause=cause)
            )
            assert done == Charged(amount=7)
        refusal = {"type": "t/rejected", "rejection": "Refused", "data": {"why": "limit"}}
        office.answer = lambda _: (409, refusal)
        assert OFFICE.command("/c", Charge(card_id="x", amount=8), answers, work_of(client)) == Refused(why="limit")
        office.answer = lambda _: (422, {"detail": "amount"})
        with pytest.raises(PeerRefused, match="amount"):
            OFFICE.command("/c", Charge(card_id="x", amount=9), answers, work_of(client))
    keys = [headers["idempotency-key"] for _, _, headers, _ in office.seen[:3]]
    assert keys[0] == keys[1] != keys[2]
    assert UUID(keys[0])
    assert office.seen[0][3] == b'{"amount":7}'


def test_a_failure_is_tried_again_and_the_last_try_counts(office: Office) -> None:
    fates = iter([500, 503, 200])
    office.answer = lambda _: (next(fates), {"cardId": "c", "limit": 1})
    with client_of(office) as client:
        assert card(work_of(client)) == CardResult(card_id="c", limit=1)
    assert len(office.seen) == 3


def test_the_deadline_is_handed_on_and_nothing_is_tried_behind_it(office: Office) -> None:
    def slow(_: Any) -> Answer:
        time.sleep(0.25)
        return 500, {}

    office.answer = slow
    begun = time.monotonic()
    with client_of(office) as client, pytest.raises(PeerUnavailable):
        card(work_of(client, seconds=0.4))
    assert time.monotonic() - begun < 2
    told = [int(headers["x-deadline-ms"]) for _, _, headers, _ in office.seen]
    assert told[0] <= 350
    assert told == sorted(told, reverse=True)
    assert len(told) <= 2


def test_the_budget_ends_a_storm_of_retries(office: Office) -> None:
    office.answer = lambda _: (500, {})
    with client_of(office, breaker_failures=10_000) as client:
        for _ in range(100):
            with pytest.raises(PeerUnavailable):
                card(work_of(client))
    assert 100 <= len(office.seen) <= 100 + 10 + 100 / 10


def test_one_operation_that_fails_leaves_the_others_alone(office: Office) -> None:
    def only_cards(handler: Any) -> Answer:
        return (500, {}) if handler.path.startswith("/cards/") else (200, {"items": [], "next": None})

    office.answer = only_cards
    with client_of(office, retry_attempts=1) as client:
        for _ in range(5):
            with pytest.raises(PeerUnavailable):
                card(work_of(client))
        before = len(office.seen)
        with pytest.raises(PeerUnavailable, match="left alone"):
            card(work_of(client))
        assert len(office.seen) == before
        assert OFFICE.page("/cards", FindCards(), PageRequest(), CardResult, work_of(client)).items == ()
        assert client.states() == {
            ("card-office", "GET /cards/{cardId}"): "open",
            ("card-office", "GET /cards"): "closed",
        }


def test_a_full_bulkhead_refuses_after_a_quarter_of_the_deadline(office: Office) -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def wait(_: Any) -> Answer:
        inside.release()
        go_on.wait(10)
        return 200, {"cardId": "c", "limit": 1}

    office.answer = wait
    with client_of(office, bulkhead_concurrent=2, bulkhead_queued=1) as client:
        busy = [threading.Thread(target=card, args=(work_of(client),)) for _ in range(2)]
        for thread in busy:
            thread.start()
            assert inside.acquire(timeout=10)
        begun = time.monotonic()
        with pytest.raises(PeerUnavailable, match="too many"):
            card(work_of(client, seconds=1.0))
        assert 0.2 < time.monotonic() - begun < 0.8
        waiter = threading.Thread(target=card, args=(work_of(client),))
        waiter.start()
        while client.waiting()["card-office"] != 1:
            time.sleep(0.001)
        begun = time.monotonic()
        with pytest.raises(PeerUnavailable, match="too many"):
            card(work_of(client, seconds=4.0))
        assert time.monotonic() - begun < 0.5, "the queue is full: refused at once"
        go_on.set()
        for thread in (*busy, waiter):
            thread.join(10)
        assert client.waiting() == {"card-office": 0}
        assert client.states()[("card-office", "GET /cards/{cardId}")] == "closed", (
            "own shedding is no failure of the peer"
        )


def test_a_work_without_peers_says_so() -> None:
    with pytest.raises(RuntimeError, match="card-office"):
        card(FakeWork())
