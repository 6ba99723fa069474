"""The servers under a fleet: PostgreSQL, Kafka, registry and issuer, each of which can be stopped and started."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from fleetgen.runtime.broker.topics import await_broker, create_topics
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.monorepo import LocalFleet
from fleetgen.runtime.ports import keep_ports
from fleetgen.runtime.postgres import Postgres
from fleetgen.runtime.process import Child, Launch
from fleetgen.runtime.side_servers import NAMES, await_side_servers, launch_side_servers, side_addresses
from psycopg import sql

from rig.broker import TwoDoorBroker
from rig.toxics import Link, Toxiproxy

LIMIT = 120.0
_PORTS = (
    "postgres", "postgres/proxy", "broker", "broker/controller", "broker/second", "broker/proxy", "toxiproxy",
)  # fmt: skip
SERVICES = 30  # for how many the database has connections


class Server:
    """One server process that comes back on the same port."""

    def __init__(self, launch: Callable[[], Launch], await_ready: Callable[[], None]) -> None:
        self._launch, self._await_ready = launch, await_ready
        self.child: Child | None = None

    def begin(self) -> None:
        """Start the process, wait for nothing."""
        self.child = Child(self._launch(), f"conformance-{os.getpid()}", lambda *_: None)

    def start(self) -> None:
        """Start and wait until it answers."""
        self.begin()
        self._await_ready()

    def await_ready(self) -> None:
        """Wait until it answers."""
        self._await_ready()

    @property
    def lives(self) -> bool:
        return self.child is not None and not self.child.exited.is_set()

    def kill(self) -> None:
        """SIGKILL to the process and all it started, and wait for the end."""
        assert self.child is not None
        os.killpg(self.child.identity.pid, signal.SIGKILL)
        assert self.child.exited.wait(20), "a killed server does not end"

    def end(self) -> None:
        """Politely."""
        if self.child is not None:
            self.child.end()


class Servers:
    """All servers for one generated monorepo. Services reach broker and database through proxies that tests disturb."""

    def __init__(self, fleet: LocalFleet) -> None:
        self.fleet, self.folder = fleet, FleetFolder(fleet.root)
        self.folder.create()
        own = self.ports = keep_ports(self.folder, [*_PORTS, *NAMES])
        self.database = Postgres(self.folder, own["postgres"], SERVICES)
        self.broker = TwoDoorBroker(
            self.folder.path / "broker", self.folder.log("broker"), own["broker"],
            second=own["broker/second"], proxy=own["broker/proxy"],
        )  # fmt: skip
        self._toxiproxy = Toxiproxy(own["toxiproxy"], self.folder.path)
        self.postgres = Server(self.database.launch, self._await_postgres)
        self.kafka = Server(self.broker.launch, self._await_kafka)
        self._side = Server(lambda: launch_side_servers(fleet, self.folder, own), self._await_side)
        self._proxies = Server(self._toxiproxy.launch, self._toxiproxy.await_ready)

    @property
    def bootstrap(self) -> str:
        """The broker itself, for the suite."""
        return self.broker.bootstrap()

    @property
    def addresses(self) -> dict[str, str]:
        """Registry, issuer and receiver."""
        return side_addresses(self.ports)

    def start(self) -> None:
        """All of them, side by side; the topics are made too."""
        self.broker.prepare(lambda _: None)
        self.database.prepare(lambda _: None)
        for server in (self.kafka, self.postgres, self._side, self._proxies):
            server.begin()
        for server in (self.postgres, self._side, self._proxies, self.kafka):
            server.await_ready()
        create_topics(self.bootstrap, self.fleet.topics)
        self.to_kafka = self._toxiproxy.proxy("kafka", self.ports["broker/proxy"], self.ports["broker/second"])
        self.to_postgres = self._toxiproxy.proxy("postgres", self.ports["postgres/proxy"], self.ports["postgres"])

    def stop(self) -> None:
        """Everything ends, and what lies outside the folder goes."""
        for server in (self._proxies, self._side, self.kafka, self.postgres):
            server.end()
        shutil.rmtree(Path("/var/tmp/fleetgen") / self.folder.mark, ignore_errors=True)

    def make_database(self, name: str) -> str:
        """A database with a role of its own; its address."""
        self.database.ensure([name])
        return self.database.url(name, name)

    def link(self, service: str, target: int) -> Link:
        """A proxy of its own in front of a port, such as a peer's."""
        port = keep_ports(self.folder, [*self.ports, f"{service}/proxy"])[f"{service}/proxy"]
        return self._toxiproxy.proxy(service, port, target)

    def behind_proxies(self, database: str) -> dict[str, str]:
        """Settings of a service that reaches broker and database through the proxies."""
        url = database.replace(f":{self.ports['postgres']}/", f":{self.to_postgres.port}/")
        return {"KAFKA_BOOTSTRAP": f"127.0.0.1:{self.to_kafka.port}", "DATABASE_URL": url}

    def restart_postgres(self) -> None:
        """At once, as `pg_ctl restart -m immediate` does it: nobody is waited for, the log is replayed."""
        assert self.postgres.child is not None
        os.kill(self.postgres.child.identity.pid, signal.SIGQUIT)
        assert self.postgres.child.exited.wait(30), "the database does not end"
        self.postgres.start()

    @contextmanager
    def without_registry(self) -> Iterator[None]:
        """While inside, registry and issuer are dead."""
        self._side.kill()
        try:
            yield
        finally:
            self._side.start()

    @contextmanager
    def logging_statements(self) -> Iterator[Callable[[], list[str]]]:
        """While inside, the database logs every statement; call what is given afterwards to read them."""
        log = self.folder.log("postgres")
        begun = log.stat().st_size
        with self.database.connect() as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
            try:
                yield lambda: log.read_bytes()[begun:].decode(errors="replace").splitlines()
            finally:
                connection.execute("ALTER SYSTEM RESET log_statement")
                connection.execute("SELECT pg_reload_conf()")

    def other_database(self) -> psycopg.Connection:
        """A connection to a database of the same server that no service uses."""
        name = f"other_{uuid.uuid4().hex[:8]}"
        with self.database.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return psycopg.connect(self.database.url(name, "fleetgen"))

    def _await_postgres(self) -> None:
        self.database.await_ready(LIMIT, lambda: self.postgres.lives)

    def _await_kafka(self) -> None:
        await_broker(self.broker.bootstrap, LIMIT, lambda: self.kafka.lives)

    def _await_side(self) -> None:
        await_side_servers(self.ports, LIMIT, lambda: self._side.lives)


def log_end(path: Path, lines: int = 25) -> str:
    """The last lines of a log, for a message."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
