"""The broker in a container, where an engine answers: the same Kafka, run by `docker compose` in the foreground."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from fleetgen.runtime.broker.kafka import VERSION
from fleetgen.runtime.events import Listener
from fleetgen.runtime.lab import run_tool
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import docker_answers, find, plain_environment

_COMPOSE = """\
services:
  broker:
    image: apache/kafka:{version}
    ports: ["127.0.0.1:{port}:{port}"]
    volumes: ["data:/var/lib/kafka/data"]
    environment:
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_NODE_ID: 1
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093
      KAFKA_LISTENERS: PLAINTEXT://:{port},CONTROLLER://:9093
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://127.0.0.1:{port}
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
      KAFKA_INTER_BROKER_LISTENER_NAME: PLAINTEXT
      KAFKA_LOG_DIRS: /var/lib/kafka/data
      KAFKA_NUM_PARTITIONS: {partitions}
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: 0
      KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: 1000
      KAFKA_HEAP_OPTS: -Xmx256m
volumes:
  data: {{}}
"""


def project_of(data: Path) -> str:
    """What the engine calls the containers of one fleet."""
    return f"fleetgen-{hashlib.sha256(str(data).encode()).hexdigest()[:12]}"


def stop_containers(data: Path) -> None:
    """Stop what a killed client left to the engine: a container is no child of ours."""
    program = find("docker")
    if program is not None and (data / "compose.yaml").exists():
        arguments = (str(program), "compose", "-p", project_of(data), "stop")
        run_tool("stopping the broker's container", arguments, data, plain_environment(), 60)


class ComposeBroker:
    """Apache Kafka in a container."""

    kind: Final = "docker"
    promise = f"Apache Kafka {VERSION} in a container: keeps what it acknowledged, over restarts too"
    admin = True

    def __init__(self, data: Path, log: Path, port: int, partitions: int) -> None:
        """Listen on `port` of this machine."""
        self._data, self._log, self._port, self._partitions = data, log, port, partitions

    @staticmethod
    def missing() -> str:
        """An engine."""
        return "" if docker_answers() else "no container engine answers"

    def prepare(self, listen: Listener) -> None:
        """Write the compose file."""
        self._data.mkdir(parents=True, exist_ok=True)
        content = _COMPOSE.format(version=VERSION, port=self._port, partitions=self._partitions)
        (self._data / "compose.yaml").write_text(content)

    def launch(self) -> Launch:
        """The client in the foreground: a SIGINT to it stops the container."""
        return Launch(
            name="broker",
            arguments=(
                str(find("docker") or "docker"),
                "compose",
                "-p",
                project_of(self._data),
                "up",
                "--abort-on-container-exit",
            ),
            folder=self._data,
            log=self._log,
            environment=plain_environment(),
            grace=30,
        )

    def bootstrap(self) -> str:
        """Known before it starts."""
        return f"127.0.0.1:{self._port}"
