"""The probe domain generated in one language, and those of its services that run."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from fleetgen.core.diagnostic import has_errors
from fleetgen.evolve.create import create
from fleetgen.pipeline import desired, prepare
from fleetgen.render.templates import installed
from fleetgen.runtime.environment import settings_of
from fleetgen.runtime.http import Reply, fetch
from fleetgen.runtime.monorepo import LocalFleet, LocalService, read_monorepo
from fleetgen.runtime.process import Launch
from fleetgen.runtime.token import OPERATOR, mint
from fleetgen.runtime.tools import plain_environment

from rig.bus import Bus
from rig.instance import Instance
from rig.ports import free_ports
from rig.servers import Servers
from rig.subject import HERE, Build, Subject
from rig.waiting import PATIENCE, until

SPECIFICATION = HERE / "fleet.yaml"


def generate(subject: Subject, root: Path) -> Path:
    """The probe domain, every service in the subject's language, built."""
    prepared = prepare(SPECIFICATION, subject.stack)
    assert not prepared.checked.failed, prepared.checked.diagnostics
    diagnostics = create(root, desired(prepared.checked, installed()), prepared.files)
    assert not has_errors(diagnostics), diagnostics
    subject.build(root)
    return root


class Fleet:
    """Services of one build on their own databases. Several fleets may follow each other on the same servers."""

    def __init__(self, subject: Subject, root: Path, servers: Servers, folder: Path, tag: str = "") -> None:
        """Nothing runs yet. `tag` keeps the databases of different builds apart."""
        self.subject, self.root, self.servers, self.folder = subject, root, servers, folder
        self.local: LocalFleet = read_monorepo(root)
        self.tag = self.base = tag
        self.bus = Bus(servers.bootstrap, f"{self.local.name}.")
        self.instances: list[Instance] = []
        self.ended: dict[str, tuple[str, int]] = {}  # status and version of the sagas known to have ended
        self.since: dict[str, dict[tuple[str, int], int]] = {}  # where each service that ran began to read
        self.peers: dict[str, str] = {}  # addresses of peers that the suite plays
        self.passages = folder / "passages"
        self._connections: dict[str, psycopg.Connection[Any]] = {}
        self._numbers = itertools.count()
        self._homes: dict[str, tuple[int, int]] = {}
        self._token = cache(self._mint)
        self._commands = {
            fact.name.text: (local, fact) for local in self.local.services for fact in local.facts.commands
        }

    # -- processes

    def service(self, name: str) -> LocalService:
        return self.local.service(name)

    @property
    def services(self) -> tuple[LocalService, ...]:
        """Those that have a database here: the others never ran."""
        return tuple(service for service in self.local.services if service.name in self._homes)

    def running(self, service: str) -> list[Instance]:
        """The living instances of a service."""
        return [instance for instance in self.instances if instance.name == service and instance.lives]

    def one(self, service: str) -> Instance:
        """An instance of a service, started if there is none."""
        return (self.running(service) or [self.start(service)])[0]

    def ensure(self, *services: str) -> None:
        """Each of these runs: once, plainly, and is ready."""
        fresh = [self.begin(name) for name in services if not self.running(name)]
        for instance in fresh:
            instance.await_ready()
            self._watch(instance.name)

    def start(self, service: str, build: Build = "conformance", **environment: str) -> Instance:
        """One more instance, ready."""
        instance = self.begin(service, build, **environment).await_ready()
        self._watch(service)
        return instance

    def replace(self, dead: Instance) -> Instance:
        """Another one for one that died. Leases of the dead end at once if nobody else lives who could take them over:
        how long that takes otherwise is a scenario of its own.
        """
        if not self.running(dead.name):
            self.sql(dead.name, "UPDATE lease SET expires_at = '-infinity'")
        return self.start(dead.name)

    def begin(self, service: str, build: Build = "conformance", **environment: str) -> Instance:
        """One more instance, not yet ready."""
        local = self.service(service)
        first = service not in self._homes
        http, admin = free_ports(2)
        if first:
            self._homes[service] = (http, admin)
            self.since[service] = self.bus.ends()
            self.bus.pass_over([local.facts.fleet + "." + local.facts.name.kebab])
        number = next(self._numbers)
        taken = {instance.place for instance in self.running(service)}
        place = next(place for place in itertools.count() if place not in taken)  # a member of its groups comes back
        words, own = self.subject.start(build, self.root, local)
        given = {**self._settings(local, http, admin), **own, "FLEET_PASSAGES_FILE": str(self.passages)}
        launch = Launch(
            name=f"{service}-{number}",
            arguments=words,
            folder=local.folder,
            log=self.folder / "logs" / f"{self.tag}{service}-{number}.log",
            environment=plain_environment({**given, "FLEET_INSTANCE": str(place), **environment}),
            grace=30,
        )
        instance = Instance(local, launch, http, admin, place, has_hooks=build == "conformance")
        self.instances.append(instance)
        return instance

    def close(self) -> None:
        """All processes and connections end."""
        for instance in self.instances:
            if instance.lives:
                instance.stop()
        for connection in self._connections.values():
            connection.close()
        self.bus.close()

    @contextmanager
    def without_registry(self) -> Iterator[None]:
        """While inside, registry and issuer are dead. The issuer comes back with other keys: tokens are forgotten."""
        try:
            with self.servers.without_registry():
                yield
        finally:
            self._token.cache_clear()

    def be_plain(self) -> None:
        """No fault is set any more."""
        for instance in self.instances:
            if instance.lives and instance.has_hooks:
                instance.at_points()
                instance.at_handler()

    def begin_anew(self) -> None:
        """On other databases, behind all that lies on the bus: what a scenario that failed has left is nobody's."""
        self.close()
        self.bus = Bus(self.servers.bootstrap, f"{self.local.name}.")
        self.bus.pass_over(f"{service.facts.fleet}.{service.facts.name.kebab}" for service in self.local.services)
        self.tag = f"{self.base}_{next(self._numbers)}"
        self.instances, self.ended, self.since = [], {}, {}
        self._connections.clear()
        self._homes.clear()

    def only(self, *services: str) -> None:
        """At the end of a scenario: one plain instance of each of these, no more, and nothing of the others."""
        for instance in list(self.instances):
            keep = instance.name in services and self.running(instance.name)[0] is instance
            if not keep and instance.lives:
                instance.stop()
        self.instances = [instance for instance in self.instances if instance.lives]

    def _settings(self, local: LocalService, http: int, admin: int) -> dict[str, str]:
        addresses = {**self.servers.addresses, "kafka": self.servers.bootstrap}
        addresses[f"database/{local.name}"] = self.servers.make_database(self.database_name(local.name))
        ports = {peer.name: self._homes.get(peer.name, (9, 9))[0] for peer in self.local.services}
        ports |= {local.name: http, f"{local.name}/admin": admin}
        settings = settings_of(self.local, local, addresses, ports, self.servers.folder)
        settings |= {"FLEET_SAMPLING": "0", "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO")}
        del settings["OTEL_EXPORTER_OTLP_ENDPOINT"]
        return settings | {f"PEER_{name.upper()}_URL": url for name, url in self.peers.items()}

    # -- databases

    def database_name(self, service: str) -> str:
        return f"{self.service(service).database}{self.tag}"

    def database_url(self, service: str) -> str:
        return self.servers.make_database(self.database_name(service))

    def sql(self, service: str, text: str, *given: Any) -> list[tuple[Any, ...]]:
        """Rows of a service's own database, seen from outside. Survives a restart of the server."""
        for attempt in (1, 2):
            try:
                if service not in self._connections:
                    self._connections[service] = self.connect(service, autocommit=True)
                found = self._connections[service].execute(text.encode(), given or None)
                return found.fetchall() if found.description else []
            except psycopg.OperationalError:
                self._connections.pop(service).close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def connect(self, service: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A connection of its own."""
        url = self.database_url(service)
        return psycopg.connect(url, autocommit=autocommit, application_name="conformance")

    def _watch(self, service: str) -> None:
        """Keep a copy of everything that enters the outbox from now on."""
        if not self.sql(service, "SELECT to_regclass('public.conformance_shadow') IS NOT NULL")[0][0]:
            self.sql(service, SHADOW)

    # -- requests

    def ask(
        self, command: str, given: Mapping[str, Any], *, subject: str = "conformance", key: str = "",
        at: Instance | None = None, limit: float = 30, headers: Mapping[str, str] | None = None,
    ) -> Reply | None:  # fmt: skip
        """Send a command once. `None` where nobody answers."""
        local, fact = self._commands[command]
        path, body = fact.route.path, dict(given)
        for name in tuple(body):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", str(body.pop(name)))
        sent = {
            "Authorization": f"Bearer {self._token(subject, tuple(fact.scopes), fact.exposure == 'internal')}",
            "Idempotency-Key": key or str(uuid.uuid4()),
            **(headers or {}),
        }
        where = at or self.one(local.name)
        return fetch(fact.route.method, f"{where.http}{path}", body, sent, limit)

    def admit(self, subject: str, *commands: str) -> None:
        """Get the tokens with which somebody may send these commands."""
        for command in commands:
            _, fact = self._commands[command]
            self._token(subject, tuple(fact.scopes), fact.exposure == "internal")

    def do(self, command: str, given: Mapping[str, Any], at: Instance | None = None, **options: Any) -> Reply:
        """Send a command with one key until somebody says what became of it; it must have been carried out."""
        key = options.pop("key", "") or str(uuid.uuid4())
        service = self._commands[command][0].name

        def answered() -> Reply | None:
            for place in [at] if at else self.running(service):
                reply = self.ask(command, given, key=key, at=place, **options)
                if reply is not None and reply.status < 500 and not _in_flight(reply):
                    return reply
            return None

        reply = until(answered, f"an answer to {command}", PATIENCE)
        assert reply is not None and reply.status in (200, 201), (command, reply)
        return reply

    def look(self, query: str, service: str, path: str) -> Any:
        """What a query by key answers."""
        facts = self.service(service).facts
        fact = next(fact for fact in facts.queries if fact.name.text == query)
        token = self._token("conformance", tuple(fact.scopes), fact.exposure == "internal")
        reply = fetch("GET", f"{self.one(service).http}{path}", None, {"Authorization": f"Bearer {token}"})
        assert reply is not None and reply.status == 200, reply
        return reply.json()

    def operate(
        self, service: str, path: str, content: Mapping[str, Any] | None = None, *, version: Any = None,
        scopes: tuple[str, ...] = (OPERATOR,), method: str = "POST", headers: Mapping[str, str] | None = None,
    ) -> Reply:  # fmt: skip
        """What an operator asks of the port for operators."""
        sent = {"Authorization": f"Bearer {self._token('operator', scopes, False)}", **(headers or {})}
        if version is not None:
            sent["If-Match"] = f'"{version}"'
        reply = fetch(method, f"{self.one(service).admin}/admin/{path}", content, sent, 30)
        assert reply is not None, f"{service} does not answer operators"
        return reply

    def _mint(self, subject: str, scopes: tuple[str, ...], service: bool) -> str:
        secret = self.servers.folder.secret("mint")
        return mint(self.servers.addresses["issuer"], secret, subject=subject, scopes=scopes, service=service)


def _in_flight(reply: Reply) -> bool:
    return reply.status == 429 or (reply.status == 409 and b"in-flight" in reply.body)


SHADOW = """
CREATE TABLE conformance_shadow (
  ce_id uuid PRIMARY KEY, ce_type text NOT NULL, topic text NOT NULL, msg_key text NOT NULL, key_seq bigint NOT NULL,
  headers jsonb NOT NULL, digest text NOT NULL);
CREATE FUNCTION conformance_copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO public.conformance_shadow
    VALUES (NEW.ce_id, NEW.ce_type, NEW.topic, NEW.msg_key, NEW.key_seq, NEW.headers, md5(coalesce(NEW.payload, '')));
  RETURN NULL;
END $$;
CREATE TRIGGER conformance AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION conformance_copy();
"""
