"""`up` in a terminal: Ctrl-C ends it, at any moment, and leaves no process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import fake_fleet
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.process import survivors
from fleetgen.runtime.state import FleetState, read_state


def until(condition: Callable[[], object], limit: float = 60) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        threading.Event().wait(0.02)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_fleet.write_fleet(tmp_path_factory.mktemp("terminal") / "fleet", fake_fleet.facts("order"))


@pytest.fixture
def terminal(root: Path) -> Iterator[subprocess.Popen[str]]:
    """`fleetgen up` as the leader of a group of its own, as a shell starts it.

    Tests in the background of a shell inherit that Ctrl-C is ignored, and would pass it on; a handler is not passed on.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "fleetgen.cli.main", "up", "--root", str(root), "--broker", "kfake"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    ) as process:
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def state(root: Path) -> FleetState | None:
    return read_state(FleetFolder(root))


def ready(root: Path) -> bool:
    found = state(root)
    return found is not None and any(process.name == "order" and process.ready for process in found.processes)


def interrupt(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) is not None


def test_ctrl_c_ends_everything(root: Path, terminal: subprocess.Popen[str]) -> None:
    until(lambda: ready(root))
    found = state(root)
    assert found is not None and len(survivors(found.run)) >= 4
    interrupt(terminal)
    assert survivors(found.run) == ()
    assert state(root) is None


@pytest.mark.parametrize("processes", [1, 3, 4])
def test_ctrl_c_while_it_starts_ends_what_was_started(
    root: Path, terminal: subprocess.Popen[str], processes: int
) -> None:
    def begun() -> bool:
        found = state(root)
        return found is not None and len(found.processes) >= processes

    until(begun)
    found = state(root)
    assert found is not None
    interrupt(terminal)
    assert survivors(found.run) == ()
    assert state(root) is None
    for process in found.processes:
        assert not psutil.pid_exists(process.identity.pid)
