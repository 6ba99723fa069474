"""The servers by themselves, spoken to by the clients that services use."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

import fake_fleet
from fleetgen.facts.schema import TopicFact
from fleetgen.runtime.broker.provider import Broker, BrokerKind, broker_of
from fleetgen.runtime.broker.topics import await_broker, create_topics
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import fetch
from fleetgen.runtime.monorepo import read_monorepo
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.ports import keep_ports
from fleetgen.runtime.process import Child
from fleetgen.runtime.running import Running, up
from fleetgen.runtime.token import token

KEEPING: tuple[BrokerKind, ...] = ("kafka", "kfake")
TOPIC = TopicFact(name="toy.order.thing.events", partitions=3, replicas=3, retention=604800.0)
COUNT = 2000


@contextmanager
def started(kind: BrokerKind, root: Path) -> Iterator[tuple[Child, str]]:
    folder = FleetFolder(root)
    folder.create()
    port = keep_ports(folder, ("broker", "controller"))["broker"]
    broker: Broker = broker_of(kind, folder.path / kind, folder.log("broker"), port, 3)
    broker.prepare(lambda _: None)
    child = Child(broker.launch(), "test", lambda *_: None)
    try:
        yield child, await_broker(broker.bootstrap, 60, lambda: not child.exited.is_set())
    finally:
        child.end()


def read_all(bootstrap: str, expected: int, group: str = "reader") -> list[int]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC.name])
    found: list[int] = []
    limit = time.monotonic() + 30
    while len(found) < expected and time.monotonic() < limit:
        record = consumer.poll(0.5)
        if record is not None and record.error() is None:
            found.append(int(record.value() or b"0"))
    consumer.close()
    return sorted(found)


@pytest.mark.parametrize("kind", KEEPING)
def test_a_broker_that_promises_to_keep_keeps_over_kill_9(kind: BrokerKind, tmp_path: Path) -> None:
    acknowledged: list[int] = []
    with started(kind, tmp_path) as (child, bootstrap):
        assert create_topics(bootstrap, [TOPIC]) == (TOPIC.name,)
        assert create_topics(bootstrap, [TOPIC]) == ()
        producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})

        def noted(number: int) -> None:
            def note(error: KafkaError | None, _: object) -> None:
                if error is None:
                    acknowledged.append(number)

            producer.produce(TOPIC.name, str(number).encode(), str(number % 7).encode(), on_delivery=note)

        for number in range(COUNT):
            noted(number)
        producer.flush(30)
        os.kill(child.identity.pid, signal.SIGKILL)
        child.exited.wait(5)
    assert len(acknowledged) == COUNT
    with started(kind, tmp_path) as (_, bootstrap):
        assert (
            len(AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=20).topics[TOPIC.name].partitions)
            == 3
        )
        assert read_all(bootstrap, COUNT) == sorted(acknowledged)


def test_the_mock_answers_and_forgets(tmp_path: Path) -> None:
    for _ in range(2):
        with started("mock", tmp_path) as (_, bootstrap):
            assert TOPIC.name not in AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=10).topics
            producer = Producer({"bootstrap.servers": bootstrap})
            producer.produce(TOPIC.name, b"1")
            assert producer.flush(10) == 0
            assert read_all(bootstrap, 1) == [1]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Running]]:
    facts = (fake_fleet.facts("order", peers=("payment",)), fake_fleet.facts("payment"))
    root = fake_fleet.write_fleet(tmp_path_factory.mktemp("monorepo"), *facts)
    fleet = up(root, UpOptions(broker="kafka", reload=False, only=("order",)))
    yield root, fleet
    fleet.stop()


V1 = '{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}'
BROKEN = '{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}'


def test_the_registry_serves_confluents_own_client(running: tuple[Path, Running]) -> None:
    client = SchemaRegistryClient({"url": running[1].addresses["registry"]})
    identity = client.register_schema("toy/order-value", Schema(V1, "AVRO"))
    assert client.register_schema("toy/order-value", Schema(V1, "AVRO")) == identity
    client.clear_caches()
    assert client.get_schema(identity).schema_str is not None
    assert client.get_latest_version("toy/order-value").version == 1
    assert client.lookup_schema("toy/order-value", Schema(V1, "AVRO")).schema_id == identity
    assert client.get_subjects() == ["toy/order-value"]
    assert client.get_versions("toy/order-value") == [1]
    assert client.test_compatibility("toy/order-value", Schema(V1, "AVRO")) is True
    assert client.test_compatibility("toy/order-value", Schema(BROKEN, "AVRO")) is False
    with pytest.raises(SchemaRegistryError) as raised:
        client.register_schema("toy/order-value", Schema(BROKEN, "AVRO"))
    assert raised.value.http_status_code == 409
    client.set_compatibility(subject_name="toy/order-value", level="NONE")
    assert client.get_compatibility("toy/order-value") == "NONE"


def test_tokens_are_verified_by_the_published_keys(running: tuple[Path, Running]) -> None:
    root, fleet = running
    issuer = fleet.addresses["issuer"]
    key = jwt.PyJWKClient(f"{issuer}/jwks.json")
    for service, kind in ((False, "user"), (True, "service")):
        issued = token(root, subject="ann", scopes=("order.write",), service=service)
        found = jwt.decode(
            issued, key.get_signing_key_from_jwt(issued), algorithms=["RS256"], audience="toy", issuer=issuer
        )
        assert (found["sub"], found["kind"], found["scope"], found["env"]) == (
            "ann",
            kind,
            "order.write",
            "development",
        )
    tampered = issued[:-6] + ("A" * 6)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(tampered, key.get_signing_key_from_jwt(issued), algorithms=["RS256"], audience="toy")


def test_a_service_gets_a_token_by_its_own_secret(running: tuple[Path, Running]) -> None:
    root, fleet = running
    secret = FleetFolder(root).secret("client/order")
    form = f"grant_type=client_credentials&client_id=order&client_secret={secret}".encode()
    header = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = fetch("POST", f"{fleet.addresses['issuer']}/token", form, header)
    assert reply is not None and reply.status == 200
    wrong = fetch("POST", f"{fleet.addresses['issuer']}/token", form + b"x", header)
    assert wrong is not None and wrong.status == 401


def test_topics_of_all_services_are_there_before_any_starts(running: tuple[Path, Running]) -> None:
    """Payment was never started, and yet its topic exists with its partitions."""
    root, fleet = running
    known = AdminClient({"bootstrap.servers": fleet.addresses["kafka"]}).list_topics(timeout=20).topics
    for topic in read_monorepo(root).topics:
        assert len(known[topic.name].partitions) == topic.partitions


def test_everything_listens_on_loopback_only(running: tuple[Path, Running]) -> None:
    import psutil

    pids = {process.pid for process in psutil.process_iter() if process.ppid() == os.getpid()}
    assert pids
    listening = [
        connection for pid in pids for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]  # fmt: skip
    assert len(listening) >= 7
    assert {connection.laddr.ip.removeprefix("::ffff:") for connection in listening} == {"127.0.0.1"}
