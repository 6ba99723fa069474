"""Contracts on a running fleet: sagas in Protobuf, read by Confluent's client; a start that a registry refuses."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from grpc_tools import protoc

from e2e.test_runtime_smoke import generate
from fleetgen.runtime.down import down
from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.http import fetch
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.running import up
from fleetgen.runtime.smoke import smoke
from formats import written

TOPIC = "starter.order.order.events"


@pytest.fixture(params=["protobuf"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    root = generate(written("starter", request.param, tmp_path), tmp_path / "fleet")
    yield root
    down(root)


def compiled(root: Path, contract: str, folder: Path) -> type:
    """The class that the compiler of Protobuf makes of a contract."""
    source = root / "contracts" / "events"
    folder.mkdir()
    assert protoc.main(["protoc", f"-I{source}", f"--python_out={folder}", str(source / f"{contract}.proto")]) == 0
    (made,) = folder.rglob("*_pb2.py")
    sys.path.insert(0, str(made.parent))
    try:
        module = importlib.import_module(made.stem)
    finally:
        sys.path.remove(str(made.parent))
    found: type = getattr(module, contract.split(".")[1])
    return found


def records(bootstrap: str, topic: str) -> list[tuple[dict[str, str], bytes]]:
    """Headers and values of all that lies in a topic now."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    found, ends = [], set()
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.subscribe([topic])
    while len(ends) < len(partitions):
        record = consumer.poll(30)
        assert record is not None, "the topic cannot be read to its end"
        if record.error():
            ends.add(record.partition())
        else:
            found.append(({name: value.decode() for name, value in record.headers()}, record.value()))
    consumer.close()
    return found


def test_sagas_run_in_protobuf_and_confluents_client_reads_it(fleet: Path, tmp_path: Path) -> None:
    running = up(fleet, UpOptions(broker="kfake", reload=False))
    try:
        result = smoke(fleet)
        assert result.passed, result.text()
        subject = f"{TOPIC}-starter.order.OrderPlaced"
        reply = fetch("GET", f"{running.addresses['registry']}/subjects/{subject}/versions/latest")
        assert reply is not None
        known = reply.json()
        contract = (fleet / "contracts/events/order.OrderPlaced.v1.proto").read_text()
        assert known["schemaType"] == "PROTOBUF"
        assert contract.endswith(known["schema"])
        placed = [
            pair for pair in records(running.addresses["kafka"], TOPIC) if pair[0]["ce_type"] == "order.OrderPlaced.v1"
        ]
        assert len(placed) == 2  # the happy order and the refused one
        read = ProtobufDeserializer(
            compiled(fleet, "order.OrderPlaced.v1", tmp_path / "compiled"), {"use.deprecated.format": False}
        )
        for headers, value in placed:
            assert headers["content-type"] == "application/protobuf"
            event = read(value, SerializationContext(TOPIC, MessageField.VALUE))
            assert event is not None
            assert event.order_id == headers["ce_subject"]
            assert event.lines
            assert event.total.currency
    finally:
        running.stop()


@pytest.mark.parametrize("fleet", ["avro", "protobuf"], indirect=True)
def test_a_service_does_not_start_with_a_schema_that_breaks_a_released_one(fleet: Path) -> None:
    options = UpOptions(broker="mock", reload=False, only=("order",))
    up(fleet, options).stop()
    breaks_a_field_of_order_placed(fleet)
    up(fleet, options).stop()  # what nobody released may change
    git = ["git", "-C", str(fleet)]
    subprocess.run([*git, "checkout", "--quiet", "services"], check=True)
    released = [sys.executable, "-m", "fleetgen.cli.main", "schemas", "release", "--root", str(fleet)]
    subprocess.run(released, check=True, capture_output=True)
    up(fleet, options).stop()
    breaks_a_field_of_order_placed(fleet)
    with pytest.raises(RuntimeProblem) as refused:
        up(fleet, options)
    assert "order" in refused.value.message
    said = "\n".join(path.read_text() for path in (fleet / ".fleet").rglob("order*.log"))
    assert "IncompatibleSchema" in said
    assert f"{TOPIC}-starter.order.OrderPlaced`" in said  # and whose


def breaks_a_field_of_order_placed(fleet: Path) -> None:
    facts = fleet / "services/order/src/starter_order/gen/facts.json"
    content = json.loads(facts.read_text())
    placed = next(event for event in content["events"] if event["name"]["text"] == "OrderPlaced")
    placed["avro"]["fields"][-1]["type"] = "long"
    if placed["protobuf"]:
        placed["protobuf"]["text"] = placed["protobuf"]["text"].replace("string address = 5", "string address = 6")
    facts.write_text(json.dumps(content))
