"""What a service's process gets: an interpreter with the fleet's pinned packages, and the settings of its chassis."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fleetgen.runtime.events import Listener, Preparing, RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.lab import run_tool
from fleetgen.runtime.monorepo import LocalFleet, LocalService
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import plain_environment, uv

CHASSIS = Path("libs/chassis-python")
GRACE = 15.0
_LOOPBACK = "127.0.0.1,localhost"


def interpreter(root: Path) -> Path:
    """The Python of the monorepo's environment."""
    return root / ".venv" / "bin" / "python"


def install(root: Path, listen: Listener) -> None:
    """Make `.venv` hold just what the locks say; nothing is done while they have not changed."""
    lock = root / CHASSIS / "requirements.lock"
    if not lock.exists():
        raise RuntimeProblem(f"`{lock.relative_to(root)}` is not there", "run `fleetgen apply`")
    own = [path for path in sorted(root.glob("services/*/requirements.txt")) if _asks_for_something(path)]
    stamp = root / ".venv" / ".fleetgen-installed"
    wanted = hashlib.sha256(b"\0".join(path.read_bytes() for path in (lock, *own))).hexdigest()
    if interpreter(root).exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    program = uv()
    if program is None:
        raise RuntimeProblem(
            "uv is not there, which installs the fleet's packages", "install the extra `fleetgen[run]`"
        )
    listen(Preparing("the packages of the services, into `.venv`"))
    if not interpreter(root).exists():
        _uv(program, root, "venv", "--quiet", "--no-project", "--python", sys.executable, str(root / ".venv"))
    pip = ("pip", "install", "--quiet", "--compile-bytecode", "--python", str(interpreter(root)))
    _uv(program, root, *pip, "--require-hashes", "-r", str(lock))
    for path in own:
        _uv(program, root, *pip, "-r", str(path))
    stamp.write_text(wanted)


def compile_sources(root: Path, folder: FleetFolder) -> None:
    """Compile all sources once, before every service would compile the shared ones for itself, all at the same time."""
    sources = [str(path) for path in (root / CHASSIS / "src", *sorted(root.glob("services/*/src"))) if path.is_dir()]
    command = (str(interpreter(root)), "-m", "compileall", "-q", *sources)
    with suppress(RuntimeProblem):  # a source with a mistake: its own service will say so
        run_tool("compiling the sources", command, root, plain_environment(_bytecode(folder)), 120)


def _bytecode(folder: FleetFolder) -> dict[str, str]:
    return {"PYTHONPYCACHEPREFIX": str(folder.path / "bytecode")}


def _asks_for_something(path: Path) -> bool:
    lines = (line.strip() for line in path.read_text().splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _uv(program: Path, root: Path, *arguments: str) -> None:
    run_tool("installing the services' packages", (str(program), *arguments), root, plain_environment(), 1200)


def settings_of(
    fleet: LocalFleet,
    service: LocalService,
    addresses: Mapping[str, str],
    ports: Mapping[str, int],
    folder: FleetFolder,
) -> dict[str, str]:
    """The chassis's settings as environment variables."""
    facts = service.facts
    database = addresses[f"database/{service.name}"]
    settings = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP": addresses["kafka"],
        "SCHEMA_REGISTRY_URL": addresses["registry"],
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(ports[service.name]),
        "ADMIN_PORT": str(ports[f"{service.name}/admin"]),
        "FLEET_ENV": "development",
        "OTEL_BSP_SCHEDULE_DELAY": "700",  # milliseconds: a person waits for the trace
        "FLEET_SAMPLING": "1",  # on one machine every trace is worth seeing
        "OTEL_EXPORTER_OTLP_ENDPOINT": addresses["otlp"],
        "AUTH_ISSUER": addresses["issuer"],
        "AUTH_JWKS_URL": f"{addresses['issuer']}/jwks.json",
        "AUTH_TOKEN_URL": f"{addresses['issuer']}/token",
        "AUTH_AUDIENCE": fleet.name,
        "AUTH_CLIENT_ID": service.name,
        "AUTH_CLIENT_SECRET": folder.secret(f"client/{service.name}"),
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
    }
    for peer in facts.peers:
        variable = f"PEER_{peer.name.text.upper().replace('-', '_')}_URL"
        settings[variable] = f"http://127.0.0.1:{ports[fleet.service(peer.name.text).name]}"
    return settings


def launch_of(
    fleet: LocalFleet, service: LocalService, settings: Mapping[str, str], extra: Mapping[str, str], folder: FleetFolder
) -> Launch:
    """How to start a service; `extra` are variables for a test or a person who wants to see something."""
    if service.facts.chassis.language != "python":
        problem = f"service `{service.name}` is in {service.facts.chassis.language}, which `up` cannot start yet"
        raise RuntimeProblem(problem, "start the others with `--only`")
    path = os.pathsep.join((str(service.folder / "src"), str(fleet.root / CHASSIS / "src")))
    no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), _LOOPBACK)))
    python = {
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        **_bytecode(folder),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }
    return Launch(
        name=service.name,
        arguments=(str(interpreter(fleet.root)), "-m", f"{service.facts.package}.main"),
        folder=service.folder,
        log=folder.log(service.name),
        environment=plain_environment({**python, **settings, **extra}),
        grace=GRACE,
    )
