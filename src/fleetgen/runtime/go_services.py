"""Services in Go: built where they lie, into the fleet's folder, and started from there."""

from __future__ import annotations

from pathlib import Path

from fleetgen.runtime.events import Listener, Preparing, RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.lab import run_tool
from fleetgen.runtime.monorepo import LocalFleet, LocalService
from fleetgen.runtime.tools import go, go_version, plain_environment

LEAST = (1, 26)  # what the chassis is written in
_LIMIT = 1200  # seconds: the first build fetches and compiles the libraries, too
# Built again at each start, which takes a moment where nothing has changed: so a saved file reaches the process, and
# what the compiler says of it stands in the service's log.
_BUILD_AND_RUN = '"$1" build -buildvcs=false -o "$2" . && exec "$2"'


def build_all(fleet: LocalFleet, folder: FleetFolder, listen: Listener) -> None:
    """Build every service in Go, one after the other: they share most of what there is to compile."""
    listen(Preparing("the services in Go"))
    for service in fleet.services:
        if service.facts.chassis.language == "go":
            command = (str(_go()), "build", "-buildvcs=false", "-o", str(_binary(service, folder)), ".")
            run_tool(f"building `{service.name}`", command, service.folder, plain_environment(), _LIMIT)


def command(service: LocalService, folder: FleetFolder) -> tuple[str, ...]:
    """How to build and start a service."""
    return ("/bin/sh", "-c", _BUILD_AND_RUN, service.name, str(_go()), str(_binary(service, folder)))


def _binary(service: LocalService, folder: FleetFolder) -> Path:
    return folder.path / "bin" / service.name


def _go() -> Path:
    program = go()
    if program is None:
        raise RuntimeProblem(
            "Go is not there, which builds services in Go", "install Go; `fleetgen doctor` tells what else is missing"
        )
    if go_version(program) < LEAST:
        least = ".".join(map(str, LEAST))
        raise RuntimeProblem(f"Go at {program} is older than {least}", f"install Go {least} or newer")
    return program
