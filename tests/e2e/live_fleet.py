"""A generated fleet on real servers that a test starts, asks, looks into, stops at labelled points, and kills."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from e2e.bus import Bus
from fleetgen.core.diagnostic import has_errors
from fleetgen.core.resources import sample
from fleetgen.evolve.create import create
from fleetgen.pipeline import desired, prepare
from fleetgen.render.templates import installed
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import Reply, fetch
from fleetgen.runtime.monorepo import LocalFleet, LocalService, read_monorepo
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.process import alive
from fleetgen.runtime.running import up
from fleetgen.runtime.state import ProcessState, read_state
from fleetgen.runtime.token import OPERATOR, mint

PROBE = Path(__file__).parent / "probe"
CHASSIS = Path("libs/chassis-python/src/chassis")
PATIENCE = 90.0  # a killed relay's leases last 10 s, and a restart on a busy machine some more
LOOK = 0.05


def until(condition: Callable[[], Any], what: str | Callable[[], str], limit: float = PATIENCE) -> Any:
    """The first true answer of `condition`; fails with `what` when there is none in time."""
    end = time.monotonic() + limit
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:.0f} s: {what() if callable(what) else what}")
        threading.Event().wait(LOOK)
    return found


def generate(name: str, root: Path) -> Path:
    """A worked example, every service in Python."""
    specification = sample(name)
    assert specification is not None
    prepared = prepare(specification, "python")
    assert not prepared.checked.failed, prepared.checked.diagnostics
    diagnostics = create(root, desired(prepared.checked, installed()), prepared.files)
    assert not has_errors(diagnostics), diagnostics
    return root


@dataclass(frozen=True)
class Rule:
    """Where to stop a process; see `probe/sitecustomize.py`."""

    label: str
    step: str = ""
    undo: bool = False
    detail: str = ""
    nth: int = 1
    how: str = "stop"
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


@dataclass(frozen=True)
class Edit:
    """In a file of the fleet's chassis, `new` instead of `old`."""

    path: str
    old: str
    new: str


class LiveFleet:
    """One fleet that runs."""

    def __init__(self, root: Path) -> None:
        """Start it, each service with the probe, and keep a shadow of everything that enters an outbox."""
        self.root = root
        self.fleet: LocalFleet = read_monorepo(root)
        self.ended: dict[str, tuple[str, int]] = {}  # status and version of the sagas known to have ended
        self._folder = FleetFolder(root)
        self._probes = root.with_name(f"{root.name}-probes")
        self._tokens: dict[tuple[tuple[str, ...], bool], str] = {}
        self._databases: dict[str, psycopg.Connection[Any]] = {}
        wishes = UpOptions(broker="kafka", reload=False, environment={s.name: self._seen(s) for s in self.services})
        self._running = up(root, wishes)
        self.addresses = dict(self._running.addresses)
        try:
            self.bus = Bus(self.addresses["kafka"], f"{self.fleet.name}.")
            for service in self.services:
                self.sql(service.name, SHADOW)
        except BaseException:
            self._running.stop()
            raise

    @property
    def services(self) -> tuple[LocalService, ...]:
        return self.fleet.services

    def close(self) -> None:
        """End everything that was started, stopped processes too, and what lies outside the folder."""
        self.release()
        for connection in self._databases.values():
            connection.close()
        self.bus.close()
        self._running.stop()
        shutil.rmtree(Path("/var/tmp/fleetgen") / self._folder.mark, ignore_errors=True)

    # -- databases

    def sql(self, service: str, text: str, *given: Any) -> list[tuple[Any, ...]]:
        """Rows of a service's own database, seen from outside."""
        if service not in self._databases:
            url = self.addresses[f"database/{service}"]
            self._databases[service] = psycopg.connect(url, autocommit=True, application_name="test")
        found = self._databases[service].execute(text.encode(), given or None)
        return found.fetchall() if found.description else []

    # -- requests

    def post(self, service: str, command: str, given: Mapping[str, Any], correlation: str = "") -> Reply:
        """Carry out a command, asking again with the same key while nobody answers."""
        fact = self.fleet.command(service, command)
        path, body = fact.route.path, dict(given)
        for name in tuple(body):
            if f"{{{name}}}" in path:
                path = path.replace(f"{{{name}}}", str(body.pop(name)))
        headers = {
            "Authorization": f"Bearer {self._token(fact.scopes, fact.exposure == 'internal')}",
            "Idempotency-Key": str(uuid.uuid4()),
            "X-Correlation-Id": correlation or str(uuid.uuid4()),
        }
        answers: list[Reply] = []

        def answered() -> bool:
            reply = fetch("POST", f"{self.addresses[service]}{path}", body, headers, limit=PATIENCE)
            if reply is not None and reply.status < 500:
                answers.append(reply)
            return bool(answers)

        until(answered, f"an answer to {command}")
        assert answers[0].status in (200, 201), answers[0].body
        return answers[0]

    def operate(self, service: str, saga: str, operation: str) -> None:
        """What an operator does to a saga, with the version that stands in its row."""
        version = self.sql(service, "SELECT version FROM saga_instance WHERE saga_id = %s", saga)[0][0]
        headers = {"Authorization": f"Bearer {self._token((OPERATOR,), False)}", "If-Match": f'"{version}"'}
        url = f"{self.addresses[f'{service}/admin']}/admin/sagas/{saga}:{operation}"
        reply = fetch("POST", url, {"reason": "a test asks for it"}, headers)
        assert reply is not None and reply.status == 200, reply

    def _token(self, scopes: tuple[str, ...], service: bool) -> str:
        if (scopes, service) not in self._tokens:
            secret = self._folder.secret("mint")
            issuer = self.addresses["issuer"]
            self._tokens[scopes, service] = mint(issuer, secret, subject="test", scopes=scopes, service=service)
        return self._tokens[scopes, service]

    # -- processes

    def arm(self, service: str, *rules: Rule) -> None:
        """From now on the service halts where these say, and nowhere else."""
        self._write_rules(service, rules)

    def met(self, service: str, rule: Rule) -> dict[str, Any]:
        """Wait until the service halted at the rule's point."""
        file = self._probe(service) / f"met-{rule.name}.json"
        until(file.exists, lambda: f"{service} passes {rule}; it passed last {self._last_passages(service)}")
        found: dict[str, Any] = json.loads(file.read_text())
        if rule.how == "stop":
            until(lambda: is_stopped(found["pid"]), f"{service} stops")
        return found

    def kill(self, service: str) -> int:
        """SIGKILL, the rules taken away first, so that the next life of the service is plain. Returns the dead pid."""
        self._write_rules(service, [])
        process = self._process(service)
        assert process is not None
        os.kill(process.identity.pid, signal.SIGKILL)
        until(lambda: not alive(process.identity), f"the end of {service}")
        return process.identity.pid

    def back(self, service: str, dead: int) -> None:
        """Wait until the supervisor has started the service again and it is ready."""

        def lives() -> bool:
            process = self._process(service)
            return process is not None and process.identity.pid != dead and process.ready

        until(lives, lambda: f"{service} back; its log ends with {self._last_lines(service)}")

    @contextmanager
    def changed(self, service: str, *edits: Edit) -> Iterator[None]:
        """The service starts again on a chassis in which something else is written; the files are put back after."""
        before = {edit.path: (self.root / CHASSIS / edit.path).read_text() for edit in edits}
        try:
            for edit in edits:
                assert edit.old in before[edit.path], f"{edit.path} does not say {edit.old}"
                (self.root / CHASSIS / edit.path).write_text(before[edit.path].replace(edit.old, edit.new))
            self.back(service, self.kill(service))
            yield
        finally:
            for path, text in before.items():
                (self.root / CHASSIS / path).write_text(text)

    def release(self) -> None:
        """Let all go on that halted somewhere, as after a test that failed."""
        for service in self.services:
            self._write_rules(service.name, [])
            process = self._process(service.name)
            if process is not None and is_stopped(process.identity.pid):
                os.kill(process.identity.pid, signal.SIGCONT)

    def passages(self, service: str, label: str, detail: str) -> int:
        """How often a point was passed, over all lives of the service."""
        lines = (self._probe(service) / "passages").read_text().splitlines()
        return sum(1 for line in lines if line.split(" ")[1:] == [label, detail])

    def _process(self, service: str) -> ProcessState | None:
        state = read_state(self._folder)
        return state.process(service) if state else None

    def _probe(self, service: str) -> Path:
        return self._probes / service

    def _seen(self, service: LocalService) -> dict[str, str]:
        folder = self._probe(service.name)
        folder.mkdir(parents=True)
        path = os.pathsep.join(str(part) for part in (PROBE, service.folder / "src", self.root / CHASSIS.parent))
        return {"PYTHONPATH": path, "FLEET_PROBE": str(folder)}

    def _write_rules(self, service: str, rules: Iterable[Rule]) -> None:
        folder = self._probe(service)
        partial = folder / ".rules"
        partial.write_text(json.dumps([asdict(rule) for rule in rules]))
        partial.replace(folder / "rules.json")

    def _last_passages(self, service: str) -> list[str]:
        with suppress(FileNotFoundError):
            return (self._probe(service) / "passages").read_text().splitlines()[-15:]
        return []

    def _last_lines(self, service: str) -> list[str]:
        with suppress(FileNotFoundError):
            return self._folder.log(service).read_text().splitlines()[-15:]
        return []


def is_stopped(pid: int) -> bool:
    """Whether all threads of a process are stopped."""
    with suppress(OSError):
        threads = Path(f"/proc/{pid}/task").iterdir()
        return all((thread / "stat").read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)
    return False


SHADOW = """
CREATE TABLE conformance_shadow (
  ce_id uuid PRIMARY KEY, ce_type text NOT NULL, correlation text NOT NULL, reply boolean NOT NULL);
CREATE FUNCTION conformance_copy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO public.conformance_shadow 
    VALUES (NEW.ce_id, NEW.ce_type, coalesce(NEW.headers->>'ce_correlationid', ''), NEW.headers ? 'ce_outcome');
  RETURN NULL;
END $$;
CREATE TRIGGER conformance AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION conformance_copy();
"""
