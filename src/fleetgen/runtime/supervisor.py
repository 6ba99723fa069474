"""The one that starts a fleet's processes, keeps them running and ends them: one thread, one queue of messages."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from fleetgen.runtime.environment import launch_of, settings_of
from fleetgen.runtime.events import (
    Crashed,
    Failed,
    FleetReady,
    Listener,
    Ready,
    Reloading,
    RuntimeProblem,
    Started,
    Stopped,
    Waiting,
)  # fmt: skip
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import fetch
from fleetgen.runtime.infrastructure import Infrastructure
from fleetgen.runtime.logs import last_lines
from fleetgen.runtime.monorepo import LocalFleet, LocalService
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.process import Child, Launch, end_all, myself, survivors
from fleetgen.runtime.slot import Slot
from fleetgen.runtime.state import FleetState, ProcessState, write_state
from fleetgen.runtime.watch import Watcher

MOST_FAILURES = 3  # crashes in a row that end an `up` which was never ready
_LOOK = 0.1
_SAY = 1.0
_CHECK = 5.0
_LAST_LINES = 12


@dataclass(frozen=True)
class _Exited:
    name: str
    child: Child
    code: int


@dataclass(frozen=True)
class _Saved:
    files: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Stop:
    pass


class Supervisor:
    """Owns all processes of one run. `settled`: all answer, or nothing will. `finished`: all have ended."""

    def __init__(
        self,
        fleet: LocalFleet,
        folder: FleetFolder,
        infrastructure: Infrastructure,
        options: UpOptions,
        listen: Listener,
    ) -> None:
        """Start nothing yet. The caller holds the folder's lock."""
        self.run = uuid.uuid4().hex
        self.settled, self.finished = threading.Event(), threading.Event()
        self.problem: RuntimeProblem | None = None
        self.ready: FleetReady | None = None
        self._fleet, self._folder, self._servers, self._options = fleet, folder, infrastructure, options
        self._listen = listen
        self._messages: SimpleQueue[_Exited | _Saved | _Stop] = SimpleQueue()
        self._stopping = threading.Event()
        self._slots: dict[str, Slot] = {}
        self._watcher: Watcher | None = None
        self._thread = threading.Thread(target=self._live, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begin. Processes are started by a thread of the supervisor's own, since the kernel ties them to it."""
        self._thread.start()

    def stop(self) -> None:
        """Ask to end everything; `finished` tells when it has."""
        self._stopping.set()
        self._messages.put(_Stop())

    def _live(self) -> None:
        try:
            self._start_servers()
            self._start_services()
            while not self._stopping.is_set():
                self._turn()
        except RuntimeProblem as problem:
            self._fail(problem)
        except Exception as unforeseen:
            self._fail(RuntimeProblem(f"{type(unforeseen).__name__}: {unforeseen}", "please report this"))
            raise
        finally:
            self._end()

    def _fail(self, problem: RuntimeProblem) -> None:
        if not self._stopping.is_set():
            self.problem = problem
            self._listen(Failed(problem.message, problem.hint))

    def _start_servers(self) -> None:
        begun = time.monotonic()
        for name, (launch, ports) in self._servers.launches().items():
            self._slots[name] = Slot(name, "server", launch, ports)
            self._spawn(self._slots[name])
        for name, address in self._servers.ready(self._going_on):
            self._now_ready(self._slots[name], address)
        self._server_seconds = time.monotonic() - begun

    def _start_services(self) -> None:
        names = self._options.only or tuple(service.name for service in self._fleet.services)
        self._services_begun = time.monotonic()
        for service in [self._fleet.service(name) for name in names]:
            ports = {"http": self._servers.ports[service.name], "admin": self._servers.ports[f"{service.name}/admin"]}
            self._slots[service.name] = Slot(service.name, "service", partial(self._service_launch, service), ports)
            self._spawn(self._slots[service.name])
        self._say_next = time.monotonic() + _SAY
        if self._options.reload:
            watched = tuple(slot.name for slot in self._slots.values() if slot.role == "service")
            self._watcher = Watcher(self._fleet, watched, lambda files: self._messages.put(_Saved(files)))

    def _service_launch(self, service: LocalService) -> Launch:
        settings = settings_of(self._fleet, service, self._servers.addresses, self._servers.ports, self._folder)
        wishes = self._options.environment
        extra = {**wishes.get("*", {}), **wishes.get(service.name, {})}
        return launch_of(self._fleet, service, settings, extra, self._folder)

    def _spawn(self, slot: Slot) -> None:
        slot.due, slot.ready = None, False
        slot.child = Child(slot.launch(), self.run, partial(self._tell_exit, slot.name))
        slot.next_look = time.monotonic()
        self._listen(Started(slot.name, slot.child.identity.pid, tuple(slot.ports.values())))
        self._write()

    def _tell_exit(self, name: str, child: Child, code: int) -> None:
        self._messages.put(_Exited(name, child, code))

    def _going_on(self, name: str) -> bool:
        return self._slots[name].runs and not self._stopping.is_set()

    def _turn(self) -> None:
        """Handle one message, or what the clock asks for."""
        try:
            message = self._messages.get(timeout=self._pause())
        except Empty:
            message = None
        match message:
            case _Exited(name, child, code):
                self._exited(self._slots[name], child, code)
            case _Saved(files):
                self._saved(files)
        if not self._folder.holds_lock():
            raise RuntimeProblem("the fleet's folder was removed while it ran", "everything has been ended")
        self._restart_due()
        self._look_at_waiting()

    def _pause(self) -> float:
        """Until something is due, or it is time to see whether the folder is still there."""
        now = time.monotonic()
        moments = [slot.due for slot in self._slots.values() if slot.due is not None]
        moments += [slot.next_look for slot in self._slots.values() if slot.runs and not slot.ready]
        return max(0.0, min([*moments, now + _CHECK]) - now)

    def _exited(self, slot: Slot, child: Child, code: int) -> None:
        if slot.child is not child or self._stopping.is_set():
            return
        last = last_lines(child.launch.log, _LAST_LINES)
        pause = slot.crashed()
        self._listen(Crashed(slot.name, code, pause, last))
        self._write()
        if not self.settled.is_set() and slot.failures >= MOST_FAILURES:
            message = f"`{slot.name}` ended {slot.failures} times, last with code {code}"
            raise RuntimeProblem(message, f"see `fleetgen logs {slot.name}`")

    def _saved(self, files: dict[str, tuple[str, ...]]) -> None:
        slots = [self._slots[name] for name in files]
        for slot in slots:
            self._listen(Reloading(slot.name, files[slot.name]))
            if slot.child is not None:
                slot.child.ask_to_end()
        for slot in slots:
            if slot.child is not None:
                slot.child.await_end()
            slot.failures = 0
            self._spawn(slot)

    def _restart_due(self) -> None:
        now = time.monotonic()
        for slot in self._slots.values():
            if slot.due is not None and slot.due <= now:
                self._spawn(slot)
                if slot.role == "server":
                    self._server_again(slot)

    def _server_again(self, slot: Slot) -> None:
        """Wait for a server that crashed; services get its new address where that has changed."""
        before = self._servers.addresses.get("kafka")
        try:
            address = self._servers.ready_again(slot.name, self._going_on)
        except RuntimeProblem:
            return  # it ended again, or does not answer: its exit is in the queue, or `status` shows it
        self._now_ready(slot, address)
        if self._servers.addresses.get("kafka") != before:
            self._saved({name: () for name, other in self._slots.items() if other.role == "service"})

    def _look_at_waiting(self) -> None:
        now = time.monotonic()
        waiting = [slot for slot in self._slots.values() if slot.role == "service" and not slot.ready]
        for slot in waiting:
            if slot.runs and slot.next_look <= now:
                slot.next_look = now + _LOOK
                if _answers(slot):
                    slot.failures = 0
                    self._now_ready(slot, _address(slot))
        if not self.settled.is_set():
            self._settle([slot for slot in waiting if not slot.ready])

    def _settle(self, waiting: list[Slot]) -> None:
        seconds = time.monotonic() - self._services_begun
        if not waiting:
            services = [slot for slot in self._slots.values() if slot.role == "service"]
            addresses = tuple((slot.name, _address(slot)) for slot in services)
            self.ready = FleetReady(self._server_seconds, seconds, addresses)
            self._listen(self.ready)
            self.settled.set()
            return
        names = tuple(slot.name for slot in waiting)
        if seconds > self._options.patience:
            message = f"no answer from {', '.join(names)} after {seconds:.0f} s"
            raise RuntimeProblem(message, f"see `fleetgen logs {names[0]}`")
        if time.monotonic() >= self._say_next:
            self._say_next += _SAY
            self._listen(Waiting(names, seconds))

    def _now_ready(self, slot: Slot, address: str) -> None:
        slot.ready = True
        seconds = time.monotonic() - slot.child.begun if slot.child else 0.0
        self._listen(Ready(slot.name, seconds, address))
        self._write()

    def _write(self) -> None:
        found = [slot.state() for slot in self._slots.values()]
        write_state(self._folder, self.state(tuple(item for item in found if item is not None)))

    def state(self, processes: tuple[ProcessState, ...] = ()) -> FleetState:
        """What others may know."""
        return FleetState(
            run=self.run,
            fleet=self._fleet.name,
            broker=self._servers.broker.kind,
            promise=self._servers.broker.promise,
            supervisor=myself(),
            addresses=dict(self._servers.addresses),
            processes=processes,
        )

    def _end(self) -> None:
        """End everything, services before the servers they use; leave nothing on disk that says it runs."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.end()
        for role in ("service", "server"):
            self._end_slots([slot for slot in self._slots.values() if slot.role == role])
        end_all([(identity, signal.SIGKILL) for identity in survivors(self.run)], 5)
        self._folder.state_file.unlink(missing_ok=True)
        self._folder.release_lock()
        self.settled.set()
        self.finished.set()

    def _end_slots(self, slots: list[Slot]) -> None:
        children = [slot.child for slot in slots if slot.child is not None and slot.runs]
        for child in children:
            child.ask_to_end()
        for child in children:
            child.await_end()
            self._listen(Stopped(child.launch.name))


def _address(slot: Slot) -> str:
    return f"http://127.0.0.1:{slot.ports['http']}"


def _answers(slot: Slot) -> bool:
    reply = fetch("GET", f"http://127.0.0.1:{slot.ports['admin']}/readyz", limit=2)
    return reply is not None and reply.status == 200
