"""Processes that end with us: started in a group of their own, known by pid *and* start time, stopped for sure."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

MARK = "FLEETGEN_RUN"  # in the environment of every process of a run: finds what its parent lost
LOG_LIMIT = 16 * 1024 * 1024
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


@dataclass(frozen=True, slots=True)
class Identity:
    """One process for all time: its pid with its start, since pids are used again."""

    pid: int
    started: str


@dataclass(frozen=True)
class Launch:
    """How to start a process. `user` and `group` are ids to become first; `polite` asks it to end."""

    name: str
    arguments: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(repr=False)
    user: int | None = None
    group: int | None = None
    polite: signal.Signals = signal.SIGTERM
    grace: float = 15.0


class Child:
    """A process that we started. `exited` is set, and `on_exit` called with its code, when it has ended."""

    def __init__(self, launch: Launch, run: str, on_exit: Callable[[Child, int], None]) -> None:
        """Start it. Call from a thread that lives as long as the child may: its end ends the child, on Linux."""
        self.launch = launch
        self.begun = time.monotonic()
        self.exited = threading.Event()
        self.code: int | None = None
        self._process = _spawn(launch, run)
        identity = identify(self._process.pid)
        self.identity = identity or Identity(self._process.pid, "gone")
        threading.Thread(target=self._wait, args=(on_exit,), name=f"wait-{launch.name}", daemon=True).start()

    def _wait(self, on_exit: Callable[[Child, int], None]) -> None:
        self.code = self._process.wait()
        self.exited.set()
        on_exit(self, self.code)

    def ask_to_end(self) -> None:
        """Send the polite signal to the process itself: what it started is for it to end."""
        if not self.exited.is_set():
            _signal(self.identity, self.launch.polite)

    def await_end(self) -> None:
        """Wait for the grace, then kill the whole group."""
        if not self.exited.wait(self.launch.grace):
            kill_group(self.identity)
            self.exited.wait(5)

    def end(self) -> None:
        """Ask, and see to it."""
        self.ask_to_end()
        self.await_end()


def _spawn(launch: Launch, run: str) -> subprocess.Popen[bytes]:
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    _turn_over(launch.log)
    with launch.log.open("ab") as log:
        return subprocess.Popen(
            launch.arguments,
            cwd=launch.folder,
            env={**launch.environment, MARK: run},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=launch.user,
            group=launch.group,
            extra_groups=[] if launch.user is not None else None,
            start_new_session=True,
            # Two system calls and no allocation: safe between fork and exec, whatever other threads hold.
            preexec_fn=_end_with(os.getpid(), launch.polite),  # noqa: PLW1509
        )


def _turn_over(log: Path) -> None:
    """Keep one older log, so that a fleet left running for weeks does not fill the disk."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))


def _end_with(parent: int, wish: signal.Signals) -> Callable[[], None] | None:
    """Ask the kernel for a signal at our death, where it can do that. Runs between fork and exec: keep it bare."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = _prctl()

    def ask() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, int(wish), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


@cache
def _prctl() -> Callable[[int, int, int, int, int], int]:
    function: Callable[[int, int, int, int, int], int] = ctypes.CDLL(None).prctl
    return function


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def identify(pid: int) -> Identity | None:
    """The process that has this pid now; None when there is none, or only what is left of a dead one."""
    if sys.platform.startswith("linux"):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        return None if fields[0] in "ZXx" else Identity(pid, f"{_boot()}/{fields[19]}")
    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else Identity(pid, f"{process.create_time():.2f}")
    except psutil.Error:
        return None


def myself() -> Identity:
    """The process that asks."""
    return identify(os.getpid()) or Identity(os.getpid(), "")


def alive(identity: Identity) -> bool:
    """Whether this very process still runs."""
    return identify(identity.pid) == identity


def _signal(identity: Identity, number: signal.Signals) -> None:
    if alive(identity):
        try:
            os.kill(identity.pid, number)
        except (ProcessLookupError, PermissionError):
            return


def kill_group(identity: Identity) -> None:
    """Kill a process and the group it leads; a foreign process with a reused pid is left alone."""
    if not alive(identity):
        return
    try:
        if os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, signal.SIGKILL)
        else:
            os.kill(identity.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def end_all(identities: Iterable[tuple[Identity, signal.Signals]], patience: float) -> None:
    """End processes that are not our children: ask all, wait for them together, then kill their groups."""
    wanted = list(identities)
    for identity, wish in wanted:
        _signal(identity, wish)
    await_end([identity for identity, _ in wanted], patience)
    for identity, _ in wanted:
        kill_group(identity)
    await_end([identity for identity, _ in wanted], 5)


def await_end(identities: Iterable[Identity], patience: float) -> bool:
    """Wait until none of them is alive; False when time is up."""
    left = list(identities)
    limit = time.monotonic() + patience
    while left := [identity for identity in left if alive(identity)]:
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def survivors(run: str) -> tuple[Identity, ...]:
    """Processes that carry the mark of a run, whoever their parent is now. Not ourselves."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == run:
                found.append(identify(process.pid))
        except (psutil.Error, OSError):
            continue
    return tuple(identity for identity in found if identity is not None)
