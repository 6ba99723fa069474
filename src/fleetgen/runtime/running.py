"""`up` and what it gives back: a fleet that runs, supervised by this process or by one of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from fleetgen.runtime import events
from fleetgen.runtime.down import clean_up, down
from fleetgen.runtime.events import Event, Failed, FleetReady, Listener, Note, RuntimeProblem, silent
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.infrastructure import Infrastructure
from fleetgen.runtime.monorepo import read_monorepo
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.state import FleetState, read_state, write_state
from fleetgen.runtime.supervisor import Supervisor
from fleetgen.runtime.tools import own_environment

_DYING = 5.0


class Running(Protocol):
    """A fleet whose services answered."""

    @property
    def ready(self) -> FleetReady:
        """How long it took, and where the services are."""

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where all is: `kafka`, `registry`, `issuer`, `otlp`, each service; `database/<service>` has a password."""

    def wait(self) -> None:
        """Wait until the fleet has ended; a SIGTERM to this process ends it, and so does Ctrl-C."""

    def stop(self) -> None:
        """End it, and wait until no process is left."""


def up(root: Path, options: UpOptions | None = None, on_event: Listener = silent) -> Running:
    """Start the fleet of a monorepo and return when all services answer; a `RuntimeProblem` leaves nothing running."""
    options = options or UpOptions()
    fleet = read_monorepo(root)
    for name in options.only:
        fleet.service(name)
    return _detached(root, options, on_event) if options.detach else _here(root, options, on_event)


class _Here:
    """Supervised by a thread of this process."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    @property
    def ready(self) -> FleetReady:
        assert self._supervisor.ready is not None
        return self._supervisor.ready

    @property
    def addresses(self) -> Mapping[str, str]:
        return self._supervisor.state().addresses

    def wait(self) -> None:
        with _ends_by_signal(self._supervisor):
            try:
                self._supervisor.finished.wait()
            except KeyboardInterrupt:
                self.stop()

    def stop(self) -> None:
        self._supervisor.stop()
        self._supervisor.finished.wait()


def _here(root: Path, options: UpOptions, on_event: Listener) -> Running:
    listen = one_at_a_time(on_event)
    folder = FleetFolder(root)
    _take_lock(folder)
    try:
        for name in clean_up(folder):
            listen(Note(f"`{name}` was left over by a supervisor that was killed; it has been ended"))
        fleet = read_monorepo(root)
        infrastructure = Infrastructure(fleet, folder, options)
        supervisor = Supervisor(fleet, folder, infrastructure, options, listen)
        write_state(folder, supervisor.state())
        infrastructure.prepare(listen)
    except BaseException:
        folder.state_file.unlink(missing_ok=True)
        folder.release_lock()
        raise
    listen(Note(f"broker: {infrastructure.broker.promise}"))
    with _ends_by_signal(supervisor):
        supervisor.start()
        try:
            supervisor.settled.wait()
        except KeyboardInterrupt:
            supervisor.stop()
            supervisor.finished.wait()
            raise
    if supervisor.ready is None or supervisor.finished.is_set():
        supervisor.finished.wait()
        raise supervisor.problem or RuntimeProblem("the fleet was ended while it started")
    return _Here(supervisor)


def _take_lock(folder: FleetFolder) -> None:
    """At once, or after a moment: threads of a supervisor that was just killed may hold the lock a little longer."""
    limit = time.monotonic() + _DYING
    while not folder.take_lock():
        state = read_state(folder)
        if time.monotonic() > limit or (state is not None and state.supervised):
            raise RuntimeProblem("the fleet runs already", "see `fleetgen status`, or end it with `fleetgen down`")
        time.sleep(0.05)


@contextmanager
def _ends_by_signal(supervisor: Supervisor) -> Iterator[None]:
    """While inside, SIGTERM and SIGHUP end the fleet in order. Only a main thread can have that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: supervisor.stop()) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def one_at_a_time(on_event: Listener) -> Listener:
    """A listener that several threads may call."""
    guard = threading.Lock()

    def listen(event: Event) -> None:
        with guard:
            on_event(event)

    return listen


class _Elsewhere:
    """Supervised by a process of its own, that goes on when this one ends."""

    def __init__(self, root: Path, state: FleetState, ready: FleetReady) -> None:
        self._root, self._state, self.ready = root, state, ready

    @property
    def addresses(self) -> Mapping[str, str]:
        return self._state.addresses

    def wait(self) -> None:
        while self._state.supervised:
            time.sleep(0.2)

    def stop(self) -> None:
        down(self._root)


def _detached(root: Path, options: UpOptions, on_event: Listener) -> Running:
    folder = FleetFolder(root)
    folder.create()
    folder.events_file.unlink(missing_ok=True)
    folder.events_file.touch(mode=0o600)
    with folder.log("supervisor").open("ab") as log:
        process = subprocess.Popen(
            (sys.executable, "-m", "fleetgen.runtime.daemon", str(folder.root), json.dumps(options.to_json())),
            cwd=folder.root, env=own_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        for event in _told(folder.events_file, process):
            on_event(event)
            if isinstance(event, FleetReady):
                state = read_state(folder)
                if state is not None:
                    return _Elsewhere(folder.root, state, event)
            if isinstance(event, Failed):
                process.wait()
                raise RuntimeProblem(event.message, event.hint)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    raise RuntimeProblem("the supervisor ended before the fleet was ready", "see `fleetgen logs supervisor`")


def _told(file: Path, process: subprocess.Popen[bytes]) -> Iterator[Event]:
    """Events as the supervisor writes them, until it has ended."""
    with file.open() as stream:
        rest = ""
        while True:
            ended = process.poll() is not None
            *whole, rest = (rest + stream.read()).split("\n")
            yield from (event_of(line) for line in whole)
            if ended and not whole:
                return
            time.sleep(0.02)


def text_of(event: Event) -> str:
    """An event as one line of JSON."""
    return json.dumps({"event": type(event).__name__, **asdict(event)})


def event_of(line: str) -> Event:
    """What `text_of` made."""
    content = json.loads(line)
    kind = getattr(events, content.pop("event"))
    plain = {name: _tuples(value) for name, value in content.items()}
    made: Event = kind(**plain)
    return made


def _tuples(value: object) -> object:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
