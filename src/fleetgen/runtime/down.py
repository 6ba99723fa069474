"""`down`: ends a fleet, whoever supervises it, and what a killed supervisor left."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

from fleetgen.runtime.broker.compose import stop_containers
from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.process import alive, await_end, end_all, kill_group, survivors
from fleetgen.runtime.state import FleetState, ProcessState, read_state

PATIENCE = 90.0  # longer than every grace of every process


def down(root: Path) -> tuple[str, ...]:
    """End the fleet of a monorepo; returns the names of what ran. Ends nothing that is not this fleet's."""
    folder = FleetFolder(root)
    if not folder.path.is_dir():
        return ()
    state = read_state(folder)
    if state is None:
        return ()
    if state.supervisor.pid == os.getpid() and state.supervised:
        raise RuntimeProblem("this very process supervises the fleet", "call `Running.stop`")
    names = tuple(process.name for process in state.processes)
    if state.supervised:
        os.kill(state.supervisor.pid, signal.SIGTERM)
        if not await_end([state.supervisor], PATIENCE):
            kill_group(state.supervisor)
    _take_lock(folder)
    try:
        left = clean_up(folder)
    finally:
        folder.release_lock()
    return names or left


def forget(root: Path) -> bool:
    """Remove what the servers of a fleet that is down keep on this machine; whether there was anything."""
    folder = FleetFolder(root)
    if not folder.path.is_dir() or folder.path.is_symlink():
        return False
    _take_lock(folder)
    try:
        shutil.rmtree(folder.path)
    finally:
        folder.release_lock()
    return True


def _take_lock(folder: FleetFolder) -> None:
    limit = time.monotonic() + 10
    while not folder.take_lock():
        if time.monotonic() > limit:
            raise RuntimeProblem("another `up` of this fleet is under way", "try again when it has ended")
        time.sleep(0.05)


def clean_up(folder: FleetFolder) -> tuple[str, ...]:
    """End what a killed supervisor left; returns the names. The caller holds the lock."""
    state = read_state(folder)
    if state is None:
        return ()
    left = _left(state)
    for role in ("service", "server"):
        end_all([(process.identity, process.wish) for process in left if process.role == role], 30)
    end_all([(identity, signal.SIGTERM) for identity in survivors(state.run)], 5)
    if state.broker == "docker":
        stop_containers(folder.path / "broker" / "docker")
    folder.state_file.unlink(missing_ok=True)
    return tuple(process.name for process in left)


def _left(state: FleetState) -> list[ProcessState]:
    return [process for process in state.processes if alive(process.identity)]
