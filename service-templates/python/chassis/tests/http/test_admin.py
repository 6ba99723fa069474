"""The operators' port: health for everybody, the rest with the scope, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis import meters
from chassis.dispatch import GAP_TYPE, Dispatch, Record
from chassis.domain import NotFound
from chassis.http.admin import Admin
from chassis.http.auth import Caller
from chassis.http.health import OLDEST_MOST, Health
from chassis.http.operations import SqlOperations
from chassis.http.orders import Order, Redrive
from chassis.http.problem import unauthenticated
from chassis.inbox import Inbox
from chassis.outbox import EventOutbox
from chassis.parked import ParkedRecords
from chassis.reading import Reading
from chassis.redrive_rules import Letter
from chassis.saga import OperationRefused, SagaAdmin, SagaEngine
from chassis.testing import client_of
from tiny_parts import Parts, parts_on, placing

GROUP = "tiny.order"
SAGA = UUID(int=77)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Sagas:
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.error: Exception | None = None

    def list(self, **asked: Any) -> dict[str, Any]:
        self.done.append(("list", asked))
        return {"items": [{"sagaId": SAGA}], "next": None}

    def show(self, saga_id: UUID) -> dict[str, Any]:
        if saga_id != SAGA:
            raise NotFound("saga", saga_id)
        return {"sagaId": saga_id, "version": 4}

    def operate(self, saga_id: UUID, op: str, **order: Any) -> dict[str, Any]:
        self.done.append((saga_id, op, order))
        if self.error:
            raise self.error
        return {"sagaId": saga_id, "version": 5}


def authenticate(authorization: str | None) -> Caller:
    """`Bearer <scope>`; the subject is always the same."""
    if not authorization:
        raise unauthenticated("no token")
    return Caller("ops", frozenset(authorization.split()[1:]), "user")


@pytest.fixture
def parts(database_url: str, tmp_path: Path) -> Iterator[Parts]:
    with parts_on(database_url, tmp_path) as parts:
        yield parts


@pytest.fixture
def health(parts: Parts) -> Health:
    health = Health(parts.database.ready, lambda: meters.oldest_age(parts.database), monotonic=Clock())
    health.started = True
    return health


@pytest.fixture
def sagas() -> Sagas:
    return Sagas()


class Letters:
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def overview(self) -> list[dict[str, Any]]:
        return [{"topic": "t", "open": 1}]

    def letters(self, topic: str, state: str | None = None) -> list[dict[str, Any]]:
        return [{"topic": topic, "state": state}]

    def letter(self, topic: str, partition: int, offset: int) -> Any:
        return (
            (Letter(Record("t.g.dlq", partition, offset, "k", {"ce_id": "x"}, b"?")), "open") if offset == 7 else None
        )

    def redrive(self, topic: str, wanted: Redrive, order: Order) -> dict[str, Any]:
        self.done.append((topic, wanted, order))
        return {"done": 1}

    discard = redrive


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def client(parts: Parts, health: Health, sagas: Sagas, letters: Letters) -> Any:
    inbox = Inbox(parts.database, Dispatch(), GROUP)
    reading = Reading(parts.codec, parts.service.definition)
    operations = SqlOperations(parts.database, inbox, sagas, letters, "/fleet/tiny/order", read=reading)  # type: ignore[arg-type]
    app = Admin(health, operations, authenticate).app()
    return client_of(app, headers={"authorization": "Bearer admin"})


def test_only_health_is_open(client: Any) -> None:
    open_ = {
        path: client.get(path, headers={"authorization": ""}).status_code for path in ("/livez", "/readyz", "/startupz")
    }
    assert set(open_.values()) == {200}
    paths = ["outbox", "inbox", "sagas", "parked", "leases", "actions", "status", "dlq", "dlq/t", "dlq/t/0/1"]
    paths += [f"sagas/{SAGA}", f"outbox/{SAGA}", "parked/tiny.order/k"]
    posts = [f"sagas/{SAGA}:abort", f"outbox/{SAGA}:redrive", "parked/tiny.order/k:retry", "dlq/t:redrive"]
    for token, status in (("", 401), ("Bearer order.write", 403)):
        header = {"authorization": token}
        assert {client.get(f"/admin/{path}", headers=header).status_code for path in paths} == {status}
        assert {client.post(f"/admin/{path}", headers=header).status_code for path in posts} == {status}
    reader = {"authorization": "Bearer admin.read"}
    assert {client.get(f"/admin/{path}", headers=reader).status_code for path in paths} == {200, 404}
    assert {client.post(f"/admin/{path}", headers=reader).status_code for path in posts} == {403}


def test_readiness(client: Any, health: Health, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Clock = health.monotonic  # type: ignore[assignment]

    def ready() -> tuple[int, str]:
        clock.now += 10
        answer = client.get("/readyz")
        return answer.status_code, answer.text

    assert ready() == (200, "ready")
    assert parts.command("PlaceOrder", placing()).status == 201
    assert ready() == (200, "ready"), "an outbox that waits a little (Kafka is away) is no reason"
    with parts.database.connection() as connection:
        connection.execute("UPDATE outbox SET created_at = now() - make_interval(secs => %s)", (OLDEST_MOST + 10,))
    status, text = ready()
    assert (status, "outbox" in text) == (503, True)
    with parts.database.connection() as connection:
        connection.execute("DELETE FROM outbox")
    assert ready() == (200, "ready")
    monkeypatch.setattr(health, "database", lambda: False)
    assert ready() == (503, "the database does not answer")
    monkeypatch.undo()
    health.draining = True
    assert ready() == (503, "stopping")
    health.draining = health.started = False
    assert ready() == (503, "starting")
    assert client.get("/startupz").status_code == 503
    assert client.get("/livez").status_code == 200


def test_many_questions_are_one_look(client: Any, health: Health) -> None:
    looks = []
    health.database = lambda: not looks.append(1)
    for _ in range(20):
        client.get("/readyz")
    assert len(looks) == 1


def test_saga_operation_carries_actor_reason_and_version(client: Any, sagas: Sagas) -> None:
    answer = client.post(
        f"/admin/sagas/{SAGA}:skip", json={"reason": "by hand", "force": True}, headers={"if-match": '"4"'}
    )
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (
        200,
        {"sagaId": str(SAGA), "version": 5},
        '"5"',
    )
    order = {"actor": "ops", "reason": "by hand", "expected_version": 4, "force": True}
    assert sagas.done == [(SAGA, "skip", order)]
    client.post(f"/admin/sagas/{SAGA}:retry", json={"reason": "r", "actor": "ada"}, headers={"if-match": "4"})
    assert sagas.done[-1][2]["actor"] == "ada via ops"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("abort", {"reason": "r"}, {}, 428),
        ("abort", {"reason": "r"}, {"if-match": "x"}, 400),
        ("abort", {"reason": " "}, {"if-match": "1"}, 422),
        ("abort", {}, {"if-match": "1"}, 422),
        ("abort", {"reason": "r" * 2001}, {"if-match": "1"}, 422),
        ("abort", {"reason": "r", "actor": ""}, {"if-match": "1"}, 422),
        ("abort", [], {"if-match": "1"}, 400),
        ("erase", {"reason": "r"}, {"if-match": "1"}, 404),
    ],
)
def test_saga_operation_that_is_not_in_order(
    client: Any, sagas: Sagas, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    answer = client.post(f"/admin/sagas/{SAGA}:{path}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert sagas.done == []


def test_saga_that_has_changed_or_refuses(client: Any, sagas: Sagas) -> None:
    from chassis.domain import Conflict

    for error, kind in ((Conflict("version 5"), "version-stale"), (OperationRefused("completed"), "operation-refused")):
        sagas.error = error
        answer = client.post(f"/admin/sagas/{SAGA}:retry", json={"reason": "r"}, headers={"if-match": "4"})
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, kind)


def test_sagas_are_shown(client: Any, sagas: Sagas) -> None:
    assert client.get("/admin/sagas", params={"status": "stuck"}).json()["items"] == [{"sagaId": str(SAGA)}]
    assert sagas.done == [("list", {"status": "stuck", "saga_type": None, "after": None})]
    assert client.get("/admin/sagas", params={"after": "x"}).status_code == 400
    assert client.get(f"/admin/sagas/{SAGA}").headers["etag"] == '"4"'
    assert client.get(f"/admin/sagas/{uuid4()}").status_code == 404


def bury(parts: Parts) -> UUID:
    """Let the first message of the outbox be given up, as the relay does."""
    with parts.database.connection() as connection:
        row = connection.execute(
            "WITH moved AS (DELETE FROM outbox WHERE position = (SELECT min(position) FROM outbox) RETURNING *)"
            " INSERT INTO outbox_dead SELECT * FROM moved RETURNING ce_id"
        ).fetchone()
    assert row
    return row[0]  # type: ignore[no-any-return]


def outbox(parts: Parts) -> list[tuple[Any, ...]]:
    return parts.rows("SELECT ce_id, ce_type, key_seq, attempts, headers, payload FROM outbox ORDER BY position")


def act(client: Any, path: str, version: str, **body: Any) -> Any:
    return client.post(f"/admin/{path}", json={"reason": "by hand", **body}, headers={"if-match": f'"{version}"'})


def test_dead_message_is_sent_again_before_those_that_waited(client: Any, parts: Parts) -> None:
    for _ in range(2):
        parts.command("PlaceOrder", placing())
    before = outbox(parts)
    dead = bury(parts)
    items = client.get("/admin/outbox").json()["items"]
    assert [(item["status"], item["sequence"]) for item in items] == [("dead", 1), ("pending", 2)]
    shown = client.get(f"/admin/outbox/{dead}")
    version = shown.json()["version"]
    assert shown.headers["etag"] == f'"{version}"'
    assert (shown.json()["content"]["quantity"], shown.json()["content"]["email"]) == (2, "[redacted]")
    assert client.post(f"/admin/outbox/{dead}:redrive", json={"reason": "r"}).status_code == 428
    assert act(client, f"outbox/{dead}:redrive", version, reason="").status_code == 422
    stale = act(client, f"outbox/{dead}:redrive", "1")
    assert (stale.status_code, stale.json()["type"].rpartition("/")[2]) == (409, "version-stale")
    answers = [act(client, f"outbox/{dead}:redrive", version) for _ in range(3)]
    assert [(each.status_code, each.json()) for each in answers] == [(200, {"id": str(dead), "done": "redrive"})] * 3
    assert outbox(parts) == before
    assert act(client, f"outbox/{dead}:redrive", version, actor="ada").status_code == 404, "it is gone for others"
    assert act(client, f"outbox/{dead}:burn", version).status_code == 404
    (action,) = client.get("/admin/actions").json()["items"]
    assert (action["op"], action["target"], action["actor"], action["reason"]) == (
        "outbox:redrive", str(dead), "ops", "by hand",
    )  # fmt: skip


def test_discarded_message_leaves_a_gap_marker(client: Any, parts: Parts) -> None:
    for _ in range(2):
        parts.command("PlaceOrder", placing())
    dead = bury(parts)
    version = client.get(f"/admin/outbox/{dead}").json()["version"]
    assert act(client, f"outbox/{dead}:discard", version).status_code == 200
    (gap, other) = outbox(parts)
    assert (gap[1], gap[2], other[2]) == (GAP_TYPE, 1, 2)
    assert gap[0] != dead
    assert gap[4]["ce_id"] == str(gap[0])
    assert gap[4]["ce_type"] == GAP_TYPE
    assert gap[4]["ce_partitionkey"]
    assert gap[5] == b"{}"


def park(parts: Parts, offset: int, reason: str, sequence: int) -> None:
    headers = {"ce_source": "/fleet/tiny/shipping", "ce_type": "t.v1", "ce_sequence": f"{sequence:020d}"}
    raw = tuple((name, value.encode()) for name, value in headers.items())
    record = Record("topic", 0, offset, "k/1", headers, b"x", raw_key=b"k/1", raw_headers=raw)
    with parts.database.connection() as connection:
        ParkedRecords(GROUP).park(connection, record, reason, attempts=8, error="handler: E: no", delay=3_600_000)


def test_parked_key_is_tried_or_given_up(client: Any, parts: Parts) -> None:
    park(parts, 1, "error", 1)
    park(parts, 2, "behind_parked", 2)
    (item,) = client.get("/admin/parked").json()["items"]
    assert (item["key"], item["records"], item["reason"], item["lastError"]) == ("k/1", 2, "error", "handler: E: no")
    due = "SELECT off FROM inbox_parked WHERE next_at <= clock_timestamp()"
    assert parts.rows(due) == []
    shown = client.get(f"/admin/parked/{GROUP}/k/1").json()
    assert [(one["sequence"], one["reason"], one["content"]["bytes"]) for one in shown["items"]] == [
        (1, "error", 1), (2, "behind_parked", 1),
    ]  # fmt: skip
    answers = [act(client, f"parked/{GROUP}/k/1:retry", shown["version"]) for _ in range(2)]
    assert [(each.status_code, each.json()["records"]) for each in answers] == [(200, 1)] * 2
    assert parts.rows(due) == [(1,)]
    assert parts.rows("SELECT max(version) FROM inbox_parked") == [(1,)], "done once"
    assert act(client, f"parked/{GROUP}/k/1:discard", shown["version"]).status_code == 409
    version = client.get(f"/admin/parked/{GROUP}/k/1").json()["version"]
    assert act(client, f"parked/{GROUP}/k/1:discard", version).json()["records"] == 1
    assert parts.rows(due) == [(2,)], "the next of the key has its turn"
    assert parts.rows("SELECT last_seq FROM inbox_cursor") == [(1,)], "and is not taken for a gap"
    assert parts.rows("SELECT outcome FROM inbox") == [("discarded",)], "nor handled when it is delivered again"
    assert act(client, f"parked/{GROUP}/other:retry", version).status_code == 404
    assert act(client, "parked/other/k/1:retry", version).status_code == 404


def test_dead_letters_are_shown_and_redriven(client: Any, letters: Letters) -> None:
    assert client.get("/admin/dlq").json()["items"] == [{"topic": "t", "open": 1}]
    assert client.get("/admin/dlq/t?state=open").json()["items"] == [{"topic": "t", "state": "open"}]
    shown = client.get("/admin/dlq/t/0/7").json()
    assert (shown["id"], shown["state"], shown["content"]["bytes"]) == ("x", "open", 1)
    assert client.get("/admin/dlq/t/0/8").status_code == 404
    body = {"reason": "mended", "filter": {"key": "k"}, "rate": 5, "limit": 3, "dryRun": False, "force": True}
    assert client.post("/admin/dlq/t:redrive", json=body).json() == {"done": 1}
    ((topic, wanted, order),) = letters.done
    assert (topic, wanted.filter.key, wanted.rate, wanted.limit) == ("t", "k", 5.0, 3)
    assert (order.actor, order.reason, order.force) == ("ops", "mended", True)
    (action,) = client.get("/admin/actions").json()["items"]
    assert (action["op"], action["result"]) == ("dlq:redrive", {"done": 1})


@pytest.mark.parametrize(
    "body",
    [
        {}, {"reason": "r", "limit": 0}, {"reason": "r", "limit": True}, {"reason": "r", "rate": 0},
        {"reason": "r", "rate": "9"}, {"reason": "r", "dryRun": 1}, {"reason": "r", "filter": []},
        {"reason": "r", "filter": {"id": "a"}}, {"reason": "r\x00"},
    ],
)  # fmt: skip
def test_redrive_that_is_not_in_order(client: Any, letters: Letters, body: dict[str, Any]) -> None:
    answer = client.post("/admin/dlq/t:redrive", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert letters.done == []


def test_status_counts_what_waits(client: Any, parts: Parts) -> None:
    parts.command("PlaceOrder", placing())
    park(parts, 1, "error", 1)
    status = client.get("/admin/status").json()
    assert (status["ready"], status["outboxPending"], status["outboxDead"], status["parkedRecords"]) == (True, 1, 0, 1)
    assert (status["heldKeys"], status["sagas"]) == (0, {})


def test_leases_and_inbox(client: Any, parts: Parts) -> None:
    with parts.database.connection() as connection:
        connection.execute("SELECT lease_take('relay:1', 'me', interval '10 s')")
        connection.execute("INSERT INTO inbox (handler, ce_source, ce_id) VALUES ('h', 's', '1'), ('h', 's', '2')")
    (lease,) = client.get("/admin/leases").json()["items"]
    assert (lease["name"], lease["owner"], lease["held"]) == ("relay:1", "me", True)
    (handler,) = client.get("/admin/inbox").json()["items"]
    assert (handler["handler"], handler["processed"]) == ("h", 2)


def test_real_saga_admin_fits(parts: Parts) -> None:
    """The operations on the engine that the service is composed with."""
    outbox_ = EventOutbox(parts.service.definition, parts.codec, parts.service.names)
    engine = SagaEngine(parts.service.definition, parts.codec, outbox_, lambda *_: pytest.fail("nothing to carry out"))
    inbox = Inbox(parts.database, Dispatch(), GROUP)
    operations = SqlOperations(parts.database, inbox, SagaAdmin(engine, parts.database), Letters(), "s")
    assert operations.list_sagas(None, None, None) == {"items": [], "next": None}
    with pytest.raises(NotFound):
        operations.show_saga(SAGA)
    with pytest.raises(NotFound):
        operations.operate_saga(SAGA, "abort", Order("a", "r", "1"))
