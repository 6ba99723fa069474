"""A whole service, killed while a failed record is on its way: it is not lost, and takes effect once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from confluent_kafka import Producer

from integration.test_service import headers, make_topics, own, shipment_lost
from tiny_neighbours import Neighbours
from tiny_parts import placing
from tiny_process import Running, environment, eventually, running
from tiny_service import name


@pytest.fixture
def neighbours() -> Iterator[Neighbours]:
    neighbours = Neighbours()
    yield neighbours
    neighbours.close()


@pytest.fixture
def fleet() -> str:
    return f"f{uuid4().hex[:8]}"


@pytest.fixture
def environ(neighbours: Neighbours, database_url: str, kafka_bootstrap: str) -> dict[str, str]:
    return environment(neighbours, database_url, kafka_bootstrap)


def following(fleet: str, *, ordered: bool) -> dict[str, Any]:
    """Confirms the order whose shipment is lost; an order that is confirmed already cannot be."""
    source = {"kind": "message", "message": "ShipmentLost", "path": ["orderId"]}
    policy = {"name": name("ConfirmOrderWhenShipmentLost"), "event": name("ShipmentLost")}
    policy |= {"command": name("ConfirmOrder"), "bindings": [{"input": "orderId", "source": source}]}
    topic = {"topic": "tiny.shipping.shipment.events", "ordered": ordered, "events": ["ShipmentLost"]}
    return own(fleet, policies=[policy], subscriptions=[topic])


def topics_of(fleet: str) -> list[str]:
    base = f"{fleet}.shipping.shipment.events"
    return [base, f"{base}.{fleet}.order.dlq", *(f"{base}.{fleet}.order.retry.{n}" for n in range(5))]


def write(bootstrap: str, fleet: str, message: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 2})
    producer.produce(f"{fleet}.shipping.shipment.events", **message)
    assert producer.flush(20) == 0


def died(service: Running) -> bool:
    return service.process.poll() == -signal.SIGKILL


def dlq(service: Running, neighbours: Neighbours, fleet: str, state: str) -> list[Any]:
    token = {"authorization": neighbours.token("admin.read")}
    answer = service.admin.get(f"/admin/dlq/{fleet}.shipping.shipment.events?state={state}", headers=token)
    items: list[Any] = answer.json()["items"] if answer.status_code == 200 else []
    return items


def redrive(service: Running, neighbours: Neighbours, fleet: str) -> httpx.Response:
    token = {"authorization": neighbours.token("admin")}
    path = f"/admin/dlq/{fleet}.shipping.shipment.events:redrive"
    return service.admin.post(path, json={"reason": "mended"}, headers=token)


def confirmed(environ: dict[str, str]) -> int:
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        states = connection.execute("SELECT count(*) FROM \"order\" WHERE state = 'confirmed'").fetchone()
    assert states
    return int(states[0])


def place(service: Running, neighbours: Neighbours) -> str:
    answer = service.api.post("/orders", json=placing(), headers=headers(neighbours))
    order: str = answer.json()["data"]["orderId"]
    return order


def _unless_busy(answer: httpx.Response) -> httpx.Response | None:
    return None if answer.status_code == 409 else answer


def unreadable(message: dict[str, Any]) -> dict[str, Any]:
    return message | {"value": b"\x00\x00\x00\x00\x01broken"}


@pytest.mark.parametrize("label", ["dlq.after_produce", "redrive.after_produce"])
def test_kill_on_the_way_of_a_dead_letter(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours, kafka_bootstrap: str, label: str
) -> None:
    """A record that nobody can read: it is a dead letter again after each redrive, and never two at a time."""
    content = following(fleet, ordered=False)
    make_topics(kafka_bootstrap, topics_of(fleet))
    broken = unreadable(shipment_lost(neighbours, fleet, str(UUID(int=9)), uuid4().hex, 1))
    with running(tmp_path, environ | {"TINY_DIE_AT": label}, **content) as service:
        write(kafka_bootstrap, fleet, broken)
        if label == "redrive.after_produce":
            eventually(lambda: dlq(service, neighbours, fleet, "open"), 40)
            with pytest.raises(httpx.TransportError):
                redrive(service, neighbours, fleet)
        eventually(lambda: died(service), 40)
    with running(tmp_path, environ, **content) as service:
        if label == "redrive.after_produce":
            # what was sent before the kill comes back as a second letter of the same message
            eventually(lambda: [each["redrives"] for each in dlq(service, neighbours, fleet, "open")] == [1], 40)
        eventually(lambda: len(dlq(service, neighbours, fleet, "open")) == 1, 40)
        # the killed one still has the lease for a while
        answer = eventually(lambda: _unless_busy(redrive(service, neighbours, fleet)), 40)
        assert (answer.status_code, answer.json()["done"]) == (200, 1), answer.text
        eventually(lambda: len(dlq(service, neighbours, fleet, "open")) == 1, 40)
        assert service.stop() == 0
    with psycopg.connect(environ["DATABASE_URL"]) as connection:
        rows = connection.execute("SELECT outcome FROM inbox").fetchall()
        assert rows == [("dead",)]
        (done,) = connection.execute("SELECT done, actor FROM dead_letter").fetchall()
        assert done == ("redriven", "ada")


def test_kill_between_retry_topic_and_offset(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours, kafka_bootstrap: str
) -> None:
    content = following(fleet, ordered=False)
    make_topics(kafka_bootstrap, topics_of(fleet))
    with running(tmp_path, environ, **content) as service:
        order = place(service, neighbours)
        assert service.stop() == 0
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("UPDATE \"order\" SET state = 'declined'")
    with running(tmp_path, environ | {"TINY_DIE_AT": "retry.after_produce"}, **content) as service:
        write(kafka_bootstrap, fleet, shipment_lost(neighbours, fleet, order, uuid4().hex, 1))
        eventually(lambda: died(service), 40)
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
        connection.execute("UPDATE \"order\" SET state = 'placed'")
    with running(tmp_path, environ, **content) as service:
        eventually(lambda: confirmed(environ) == 1, 40)
        with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
            eventually(lambda: connection.execute("SELECT outcome FROM inbox").fetchall() == [("ok",)], 20)
            eventually(lambda: connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,), 20)
        assert service.stop() == 0
