"""A whole service in a process of its own: from HTTP to a record on the bus, and back."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import fastavro
import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, Producer

from tiny_neighbours import Neighbours
from tiny_parts import CUSTOMER, placing
from tiny_process import Running, environment, eventually, running
from tiny_service import facts, name

IN_TRANSACTION = """
SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()
"""


@pytest.fixture
def neighbours() -> Iterator[Neighbours]:
    neighbours = Neighbours()
    yield neighbours
    neighbours.close()


@pytest.fixture
def fleet() -> str:
    """A name of its own for each test: they share the broker."""
    return f"f{uuid4().hex[:8]}"


def own(fleet: str, **more: Any) -> dict[str, Any]:
    """The facts with that fleet's topics and group."""
    content: dict[str, Any] = json.loads(json.dumps(facts(**more)).replace('"tiny', f'"{fleet}'))
    return content


@pytest.fixture
def environ(neighbours: Neighbours, database_url: str, kafka_bootstrap: str) -> dict[str, str]:
    return environment(neighbours, database_url, kafka_bootstrap)


def headers(neighbours: Neighbours, **more: str) -> dict[str, str]:
    token = neighbours.token("order.write", "order.read", "order.confirm")
    return {"authorization": token, "idempotency-key": uuid4().hex, **more}


def make_topics(bootstrap: str, names: list[str]) -> None:
    """As whoever starts a fleet does. The client's own broker has no other way than to be asked for them."""
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 2})
    for topic in names:
        producer.list_topics(topic, timeout=10)


def records(bootstrap: str, topic: str, count: int) -> list[Any]:
    """The first records of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": uuid4().hex, "auto.offset.reset": "earliest", "log_level": 2}
    )
    consumer.subscribe([topic])
    found: list[Any] = []

    def look() -> bool:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
        return len(found) >= count

    try:
        eventually(look, 30)
    finally:
        consumer.close()
    return found


def decoded(neighbours: Neighbours, payload: bytes) -> Any:
    schema = json.loads(neighbours.schemas[int.from_bytes(payload[1:5]) - 1])
    datum = fastavro.schemaless_reader(io.BytesIO(payload[5:]), fastavro.parse_schema(schema), None)
    return json.loads(json.dumps(datum, default=str))


def test_from_request_to_record_in_one_trace(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours, kafka_bootstrap: str
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    sent = headers(neighbours, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    sent["x-correlation-id"] = "checkout-9"
    with running(tmp_path, environ, **own(fleet)) as service:
        answer = service.api.post("/orders", json=placing(), headers=sent)
        assert answer.status_code == 201, answer.text
        data = answer.json()["data"]
        (record,) = records(kafka_bootstrap, f"{fleet}.order.order.events", 1)
        found = {key: value.decode() for key, value in record.headers()}
        assert record.key() == CUSTOMER.encode()
        assert decoded(neighbours, record.value()) == data
        envelope = {
            "ce_type": "order.OrderPlaced.v1",
            "ce_source": "/fleet/tiny/order",
            "ce_subject": data["orderId"],
            "ce_correlationid": "checkout-9",
            "ce_sequence": f"{1:020d}",
        }
        assert envelope.items() <= found.items()
        assert UUID(found["ce_id"]).version == 7
        assert found["traceparent"][3:35] == found["ce_traceparent"][3:35] == trace
        read = service.api.get(answer.headers["location"], headers=headers(neighbours))
        assert read.json() == {"orderId": data["orderId"], "customerId": CUSTOMER, "quantity": 2, "state": "placed"}
        again = service.api.post("/orders", json=placing(), headers=sent)
        assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
        topic = f"{fleet}.order.order.events"
        names = {"POST /orders", f"create {topic}", f"send {topic}"}
        eventually(lambda: names <= {span.name for span in neighbours.spans if span.trace_id.hex() == trace})
        assert not [span.name for span in neighbours.spans if "z" in span.name and "/" in span.name], (
            "health is no trace"
        )
        metrics = {"http.server.request.duration", "fleet.outbox.publish.latency", "fleet.outbox.pending"}
        eventually(lambda: metrics | {"fleet.relay.buckets", "fleet.outbox.oldest.age"} <= neighbours.metrics)
        assert service.stop() == 0
    assert "a@example.com" not in service.log.read_text()


def shipment_lost(neighbours: Neighbours, fleet: str, order: str, ce_id: str, sequence: int) -> dict[str, Any]:
    content = {"shipmentId": str(UUID(int=5)), "orderId": order, "customerId": CUSTOMER, "orders": []}
    schema = next(event["avro"] for event in own(fleet)["foreign_events"])
    schema_id = neighbours.post("/subjects/x/versions", json.dumps({"schema": json.dumps(schema)}).encode())["id"]
    out = io.BytesIO()
    out.write(b"\0" + int(schema_id).to_bytes(4))
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), content)
    ce = {
        "ce_id": ce_id,
        "ce_type": "shipping.ShipmentLost.v1",
        "ce_source": f"/fleet/{fleet}/shipping",
        "ce_sequence": f"{sequence:020d}",
        "ce_correlationid": "voyage-1",
        "content-type": "application/avro",
    }
    return {"key": CUSTOMER, "value": out.getvalue(), "headers": ce}


def test_event_of_another_service_is_followed_once(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours, kafka_bootstrap: str
) -> None:
    source = {"kind": "message", "message": "ShipmentLost", "path": ["orderId"]}
    policy = {"name": name("ConfirmOrderWhenShipmentLost"), "event": name("ShipmentLost")}
    policy |= {"command": name("ConfirmOrder"), "bindings": [{"input": "orderId", "source": source}]}
    with running(tmp_path, environ, **own(fleet, policies=[policy])) as service:
        order = service.api.post("/orders", json=placing(), headers=headers(neighbours)).json()["data"]["orderId"]
        producer = Producer({"bootstrap.servers": kafka_bootstrap, "log_level": 2})
        message = shipment_lost(neighbours, fleet, order, uuid4().hex, 1)
        for _ in range(3):
            producer.produce(f"{fleet}.shipping.shipment.events", **message)
        producer.flush(10)
        placed, confirmed = records(kafka_bootstrap, f"{fleet}.order.order.events", 2)
        found = {key: value.decode() for key, value in confirmed.headers()}
        assert found["ce_type"] == "order.OrderConfirmed.v1"
        assert found["ce_correlationid"] == "voyage-1"
        assert found["ce_causationid"] == message["headers"]["ce_id"]
        assert placed.key() == confirmed.key()
        with psycopg.connect(environ["DATABASE_URL"]) as connection:
            connection.autocommit = True
            counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in ("inbox", "inbox_parked", "outbox"))
            eventually(lambda: connection.execute(f"SELECT {counts}".encode()).fetchone() == (1, 0, 0))
        assert service.stop() == 0


# What a service without peers, copies and read models has nothing to say of.
ELSEWHERE = {"fleet.breaker.state", "fleet.bulkhead.queue", "fleet.projection.lag"}


def instruments() -> set[str]:
    """The names of all metrics in the source."""
    pattern = re.compile(r'(?:create_(?:observable_)?\w+|_gauge)\(\s*"([a-z_.]+)"')
    files = (Path(__file__).parents[2] / "src" / "chassis").rglob("*.py")
    return {name for file in files for name in pattern.findall(file.read_text())}


def test_every_metric_of_the_source_is_reported_and_no_other(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours, kafka_bootstrap: str
) -> None:
    content = own(fleet, **conducted())
    make_topics(kafka_bootstrap, [topic["name"] for topic in content["topics"]])
    known = instruments() - ELSEWHERE
    assert {"fleet.outbox.pending", "fleet.saga.stuck", "messaging.process.duration"} <= known
    with running(tmp_path, environ, **content) as service:
        answer = service.api.post("/orders", json=placing(), headers=headers(neighbours))
        assert answer.status_code == 201
        eventually(lambda: known <= neighbours.metrics, 40)
        assert service.stop() == 0
    assert neighbours.metrics == known


def test_graceful_stop_finishes_what_is_under_way(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours
) -> None:
    with (
        running(tmp_path, environ | {"TINY_PAUSE": "1.5"}, **own(fleet)) as service,
        ThreadPoolExecutor(4) as pool,
    ):

        def post() -> int:
            return service.api.post("/orders", json=placing(), headers=headers(neighbours)).status_code

        posts = [pool.submit(post) for _ in range(4)]
        with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
            eventually(lambda: connection.execute(IN_TRANSACTION).fetchone() == (4,))
        begun = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        eventually(lambda: service.admin.get("/readyz").status_code == 503, 5)
        assert service.admin.get("/livez").status_code == 200
        assert [done.result(20) for done in posts] == [201] * 4
        with pytest.raises(httpx.TransportError):
            httpx.get(service.api.base_url)
        assert service.process.wait(20) == 0
        assert time.monotonic() - begun < 10
        with psycopg.connect(environ["DATABASE_URL"]) as connection:
            owned = "SELECT count(*) FROM lease WHERE owner IS NOT NULL AND expires_at > clock_timestamp()"
            assert connection.execute(owned).fetchone() == (0,)
            assert connection.execute('SELECT count(*) FROM "order"').fetchone() == (4,)
    assert service.lines()[-1]["message"] == "order has stopped"


def test_idle_connection_does_not_hold_up_the_stop(tmp_path: Path, fleet: str, environ: dict[str, str]) -> None:
    address = ("127.0.0.1", int(environ["HTTP_PORT"]))
    with running(tmp_path, environ, **own(fleet)) as service, socket.create_connection(address):
        begun = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - begun < 8


def test_broker_away_is_no_reason_not_to_serve(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours
) -> None:
    with running(tmp_path, environ | {"KAFKA_BOOTSTRAP": "127.0.0.1:1"}, **own(fleet)) as service:
        assert service.api.post("/orders", json=placing(), headers=headers(neighbours)).status_code == 201
        assert service.admin.get("/readyz").status_code == 200
        token = {"authorization": neighbours.token("admin")}
        (item,) = service.admin.get("/admin/outbox", headers=token).json()["items"]
        assert (item["status"], item["type"]) == ("pending", "order.OrderPlaced.v1")
        assert service.stop() == 0


def test_restart_after_kill_sends_what_was_left(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours, kafka_bootstrap: str
) -> None:
    content = own(fleet)
    with running(tmp_path, environ | {"KAFKA_BOOTSTRAP": "127.0.0.1:1"}, **content) as service:
        assert service.api.post("/orders", json=placing(), headers=headers(neighbours)).status_code == 201
        service.stop(signal.SIGKILL)
    with running(tmp_path, environ, **content) as service:
        assert len(records(kafka_bootstrap, f"{fleet}.order.order.events", 1)) == 1
        assert service.stop() == 0


def test_logs_go_to_the_collector_when_asked_redacted_too(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours
) -> None:
    sent = headers(neighbours, **{"x-correlation-id": "c-17"})
    with running(tmp_path, environ | {"OTEL_LOGS_EXPORTER": "otlp"}, **own(fleet)) as service:
        assert service.api.post("/orders", json=placing(quantity=1000), headers=sent).status_code == 500
        assert service.stop() == 0
    (failure,) = [log for log in neighbours.logs if log.body.string_value == "request failed"]
    attributes = {each.key: each.value.string_value for each in failure.attributes}
    assert attributes["error"] == "RuntimeError"
    assert failure.trace_id
    (line,) = [line for line in service.lines() if line["message"] == "request failed"]
    assert (line["correlation_id"], line["trace_id"]) == ("c-17", failure.trace_id.hex())
    assert "tiny_service.py" in line["stack"]
    assert "tiny_service.py" in attributes["stack"]


def finished(tmp_path: Path, environ: dict[str, str], **more: Any) -> tuple[int, str]:
    service = Running(tmp_path, environ, **more)
    code = service.process.wait(30)
    return code, service.log.read_text()


def test_missing_settings_are_said_and_exit_with_2(tmp_path: Path, environ: dict[str, str]) -> None:
    ports = {key: environ[key] for key in ("PATH", "PYTHONPATH", "HTTP_PORT", "ADMIN_PORT")}
    code, text = finished(tmp_path, ports)
    assert code == 2
    assert text.splitlines()[0] == "order cannot start:"
    assert "  DATABASE_URL is not set" in text.splitlines()
    assert "Traceback" not in text


def test_development_issuer_in_production_exits_with_2(tmp_path: Path, environ: dict[str, str]) -> None:
    code, text = finished(tmp_path, environ | {"FLEET_ENV": "production"})
    assert code == 2
    assert "AUTH_ISSUER" in text


def test_chassis_that_is_too_old_names_the_command(tmp_path: Path, environ: dict[str, str]) -> None:
    code, text = finished(tmp_path, environ, chassis={"language": "python", "least": "1.99.0"})
    assert code == 2
    assert "cd libs/chassis-python && copier update -A -l" in text


def test_taken_port_exits_with_1(tmp_path: Path, fleet: str, environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(environ["HTTP_PORT"]))):
        code, text = finished(tmp_path, environ, **own(fleet))
    assert code == 1
    assert "cannot listen" in text


def test_database_away_can_be_interrupted(tmp_path: Path, fleet: str, environ: dict[str, str]) -> None:
    away = environ | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    service = Running(tmp_path, away, **own(fleet))
    try:

        def live() -> bool:
            try:
                return service.admin.get("/livez").status_code == 200
            except httpx.TransportError:
                return False

        eventually(live)
        assert service.admin.get("/startupz").status_code == service.admin.get("/readyz").status_code == 503
        begun = time.monotonic()
        assert service.stop(signal.SIGINT) == 0
        assert time.monotonic() - begun < 5
    finally:
        service.stop(signal.SIGKILL)


def conducted() -> dict[str, Any]:
    """A saga whose conductor and only participant is the service itself: place, then confirm over the command topic."""
    content = facts()
    content["commands"][0]["starts"] = "Checkout"
    common = {"service": "order", "call": False, "command_topic": "tiny.order.commands", "within": 60.0}
    common |= {"undo": "", "undo_type": "", "undone_with": "", "undo_bindings": [], "refuses_with": ""}
    order = {"kind": "message", "message": "OrderPlaced", "path": ["orderId"]}
    steps = [
        {"name": "PlaceOrder", "kind": "compensatable", "succeeds_with": "OrderPlaced", "bindings": []},
        {
            "name": "ConfirmOrder",
            "kind": "retriable",
            "succeeds_with": "OrderConfirmed",
            "bindings": [{"input": "orderId", "source": order}],
        },
    ]
    routes = {command["name"]["text"]: command["route"] for command in content["commands"]}
    for step in steps:
        step.update(common, route=routes[step["name"]], command_type=f"order.{step['name']}.v1")
    saga = {"name": name("Checkout"), "mode": "orchestration", "owner": "order", "version": 1, "timeout": 300.0}
    saga |= {"stuck": "alert", "steps": steps, "fulfilment_topic": "tiny.order.fulfilment"}
    topics = ("tiny.order.commands", "tiny.order.replies")
    subscriptions = [{"topic": topic, "ordered": True, "events": []} for topic in topics]
    return {"commands": content["commands"], "sagas": [saga], "subscriptions": subscriptions}


def test_saga_goes_all_the_way(
    tmp_path: Path, fleet: str, environ: dict[str, str], neighbours: Neighbours, kafka_bootstrap: str
) -> None:
    content = own(fleet, **conducted())
    make_topics(kafka_bootstrap, [topic["name"] for topic in content["topics"]])
    with running(tmp_path, environ, **content) as service:
        answer = service.api.post("/orders", json=placing(), headers=headers(neighbours))
        saga = answer.headers["x-saga-id"]
        admin = {"authorization": neighbours.token("admin")}

        def completed() -> Any:
            shown = service.admin.get(f"/admin/sagas/{saga}", headers=admin).json()
            return shown if shown["status"] == "completed" else None

        shown = eventually(completed, 30)
        assert [(step["name"], step["status"]) for step in shown["steps"]] == [
            ("PlaceOrder", "succeeded"),
            ("ConfirmOrder", "succeeded"),
        ]
        order = service.api.get(answer.headers["location"], headers=headers(neighbours)).json()
        assert order["state"] == "confirmed"
        found = records(kafka_bootstrap, f"{fleet}.order.order.events", 2)
        sagas = [dict(record.headers())["ce_sagaid"].decode() for record in found]
        assert sagas == [saga, saga]
        refused = service.admin.post(
            f"/admin/sagas/{saga}:abort",
            json={"reason": "too late"},
            headers={**admin, "if-match": str(shown["version"])},
        )
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "operation-refused")
        assert service.stop() == 0
