"""What runs of a fleet, and how it fares, looked at just now."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import fetch
from fleetgen.runtime.monorepo import read_monorepo
from fleetgen.runtime.process import alive
from fleetgen.runtime.state import FleetState, ProcessState, Role, read_state

_MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class ProcessStatus:
    """One process. A service says itself whether it is `ready`, `says` is why not. Memory counts its children too."""

    name: str
    role: Role
    ready: bool
    alive: bool
    says: str
    pid: int
    address: str
    restarts: int
    seconds: float
    memory: int  # MiB
    cpu: float  # seconds


@dataclass(frozen=True)
class FleetStatus:
    """The fleet. Without a supervisor `running` is false, and `processes` are what it left."""

    fleet: str
    running: bool
    broker: str
    promise: str
    addresses: dict[str, str]
    processes: tuple[ProcessStatus, ...]
    missing: tuple[str, ...]  # services that were not started

    @property
    def ready(self) -> bool:
        """Whether all that was started answers."""
        return self.running and bool(self.processes) and all(process.ready for process in self.processes)

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {**asdict(self), "ready": self.ready}

    def text(self) -> str:
        """For a person."""
        if not self.running and not self.processes:
            return f"{self.fleet}: nothing runs"
        head = f"{self.fleet}: {'runs' if self.running else 'its supervisor is gone; `fleetgen down` ends the rest'}"
        lines = [head, f"broker: {self.promise}", ""]
        lines += [_line(process) for process in self.processes]
        if self.missing:
            lines += ["", f"not started: {', '.join(self.missing)}"]
        return "\n".join(lines)


def _line(process: ProcessStatus) -> str:
    words = "ready" if process.ready else process.says
    figures = f"{process.memory:>5} MiB {process.cpu:>7.1f} s cpu  {process.restarts} restarts"
    return f"{process.name:<16} {words:<12} {process.address:<28} pid {process.pid:<8} {figures}"


def status(root: Path) -> FleetStatus:
    """Look at a fleet; a folder without one is a `RuntimeProblem`."""
    fleet = read_monorepo(root)
    state = read_state(FleetFolder(root))
    names = tuple(service.name for service in fleet.services)
    if state is None:
        return FleetStatus(fleet.name, False, "", "", {}, (), names)
    with ThreadPoolExecutor(16) as pool:
        processes = tuple(pool.map(lambda process: _look(process, state), state.processes))
    started = {process.name for process in state.processes}
    return FleetStatus(
        fleet=state.fleet,
        running=state.supervised,
        broker=state.broker,
        promise=state.promise,
        addresses={name: where for name, where in state.addresses.items() if not name.startswith("database/")},
        processes=processes,
        missing=tuple(name for name in names if name not in started),
    )


def _look(process: ProcessState, state: FleetState) -> ProcessStatus:
    lives = alive(process.identity)
    ready, says = _answer(process) if lives else (False, "gone")
    memory, cpu, begun = _figures(process.identity.pid) if lives else (0, 0.0, time.time())
    return ProcessStatus(
        name=process.name,
        role=process.role,
        ready=ready,
        alive=lives,
        says=says,
        pid=process.identity.pid,
        address=_address(process, state),
        restarts=process.restarts,
        seconds=round(time.time() - begun, 1),
        memory=memory,
        cpu=round(cpu, 2),
    )


def _answer(process: ProcessState) -> tuple[bool, str]:
    if process.role == "server":
        return process.ready, "ready" if process.ready else "starting"
    reply = fetch("GET", f"http://127.0.0.1:{process.ports['admin']}/readyz", limit=3)
    if reply is None:
        return False, "no answer"
    return reply.status == 200, reply.body.decode(errors="replace")[:200]


def _address(process: ProcessState, state: FleetState) -> str:
    where = {"broker": "kafka", "servers": "registry"}.get(process.name, process.name)
    return state.addresses.get(where, "")


def _figures(pid: int) -> tuple[int, float, float]:
    """Memory in MiB (shared pages once), CPU seconds, start; zeros for what has just ended."""
    memory, cpu, begun = 0.0, 0.0, time.time()
    try:
        leader = psutil.Process(pid)
        begun = leader.create_time()
        for process in (leader, *leader.children(recursive=True)):
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += _memory(process)
    except psutil.Error:
        pass
    return round(memory / _MEBIBYTE), cpu, begun


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
