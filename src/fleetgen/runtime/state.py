"""What runs, as the supervisor last wrote it: read by `down`, `status`, `logs`, `smoke` and `token`."""

from __future__ import annotations

import signal
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.process import Identity, alive

FORMAT = 1
Role = Literal["server", "service"]


@dataclass(frozen=True)
class ProcessState:
    """One process of the fleet. `polite` is the name of the signal that asks it to end."""

    name: str
    role: Role
    identity: Identity
    polite: str
    ports: dict[str, int]
    restarts: int
    ready: bool

    @property
    def wish(self) -> signal.Signals:
        """The signal itself."""
        return signal.Signals[self.polite]


@dataclass(frozen=True)
class FleetState:
    """The whole fleet. `addresses` are what a client needs: `kafka`, `registry`, `issuer`, `otlp`, `postgres`."""

    run: str
    fleet: str
    broker: str
    promise: str
    supervisor: Identity
    addresses: dict[str, str]
    processes: tuple[ProcessState, ...]

    @property
    def supervised(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return alive(self.supervisor)

    def process(self, name: str) -> ProcessState | None:
        """The process of that name."""
        return next((process for process in self.processes if process.name == name), None)


def write_state(folder: FleetFolder, state: FleetState) -> None:
    """Replace the state on disk."""
    folder.write(folder.state_file, {"format": FORMAT, **asdict(state)})


def read_state(folder: FleetFolder) -> FleetState | None:
    """The state on disk; None when nothing was left running."""
    content = folder.read(folder.state_file)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    return FleetState(
        run=content["run"],
        fleet=content["fleet"],
        broker=content["broker"],
        promise=content["promise"],
        supervisor=Identity(**content["supervisor"]),
        addresses=content["addresses"],
        processes=tuple(_process(item) for item in content["processes"]),
    )


def running_state(folder: FleetFolder) -> FleetState:
    """The state of a fleet that runs now, or a problem that says how to start it."""
    state = read_state(folder)
    if state is None or not state.supervised:
        raise RuntimeProblem("the fleet does not run", "start it with `fleetgen up`")
    return state


def _process(item: dict[str, Any]) -> ProcessState:
    return ProcessState(**{**item, "identity": Identity(**item["identity"])})
