"""Fleets of fake services on real servers: started, looked at, broken, ended. Nothing may be left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import fake_fleet
from fleetgen.runtime.doctor import doctor
from fleetgen.runtime.down import down
from fleetgen.runtime.events import Crashed, Event, Failed, Note, Reloading, RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import fetch
from fleetgen.runtime.logs import logs
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.process import Identity, alive, await_end, survivors
from fleetgen.runtime.running import Running, up
from fleetgen.runtime.state import read_state
from fleetgen.runtime.status import status

NAMES = ("broker", "postgres", "servers", "order", "payment")


def until(condition: Callable[[], object], limit: float = 20) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        threading.Event().wait(0.02)


class Fleet:
    """A monorepo and what happens to it in one test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[Event] = []

    def up(self, **wishes: Any) -> Running:
        return up(self.root, UpOptions(**{"broker": "kfake", "reload": False, **wishes}), self.events.append)

    def processes(self) -> dict[str, Identity]:
        state = read_state(FleetFolder(self.root))
        return {process.name: process.identity for process in state.processes} if state else {}

    def run(self) -> str:
        state = read_state(FleetFolder(self.root))
        assert state is not None
        return state.run

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def monorepo(root: Path) -> Path:
    return fake_fleet.write_fleet(root, fake_fleet.facts("order", peers=("payment",)), fake_fleet.facts("payment"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests, so that packages and database are made once; each test begins with nothing running."""
    return monorepo(tmp_path_factory.mktemp("fleet") / "monorepo")


@pytest.fixture
def fleet(root: Path) -> Iterator[Fleet]:
    yield Fleet(root)
    state = read_state(FleetFolder(root))
    if state is not None and state.supervisor.pid != os.getpid():
        down(root)


def environment(running: Running, service: str) -> dict[str, str]:
    reply = fetch("GET", f"{running.addresses[service]}/environment")
    assert reply is not None
    found: dict[str, str] = reply.json()
    return found


def nothing_left(processes: dict[str, Identity], run: str) -> bool:
    return await_end(processes.values(), 1) and survivors(run) == ()


def test_everything_starts_answers_and_ends(fleet: Fleet) -> None:
    running = fleet.up()
    processes, run = fleet.processes(), fleet.run()
    try:
        assert tuple(processes) == NAMES
        found = status(fleet.root)
        assert found.ready and found.running
        assert {process.name: process.ready for process in found.processes} == dict.fromkeys(NAMES, True)
        assert "127.0.0.1" in found.text() and json.dumps(found.to_json())
        assert "secret" not in found.text() and "postgresql://" not in json.dumps(found.to_json())
        assert environment(running, "order")["PEER_PAYMENT_URL"] == running.addresses["payment"]
        assert environment(running, "order")["AUTH_AUDIENCE"] == "toy"
        assert any("keeps what it acknowledged" in note.text for note in fleet.of(Note))
        assert "begins" in [json.loads(line.text)["message"] for line in logs(fleet.root, ("order",))]
        with pytest.raises(RuntimeProblem, match="runs already"):
            up(fleet.root)
    finally:
        running.stop()
    assert nothing_left(processes, run)
    assert read_state(FleetFolder(fleet.root)) is None
    assert not status(fleet.root).running
    assert down(fleet.root) == ()


def test_each_service_reaches_its_own_database_only(fleet: Fleet) -> None:
    running = fleet.up(only=("order",))
    try:
        with psycopg.connect(running.addresses["database/order"], autocommit=True) as connection:
            connection.execute("CREATE TABLE thing (id int)")
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
            assert connection.execute("SELECT current_user::text").fetchone() == ("toy_order",)
        own = running.addresses["database/order"]
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(own.rpartition("/")[0] + "/toy_payment")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(own.replace("toy_order:", "toy_order:x", 1))
        assert status(fleet.root).missing == ("payment",)
    finally:
        running.stop()
    with_data = fleet.up(only=("order",))
    try:
        with psycopg.connect(with_data.addresses["database/order"]) as connection:
            assert connection.execute("SELECT count(*) FROM thing").fetchone() == (0,)
    finally:
        with_data.stop()


def test_a_detached_fleet_is_ended_by_down(fleet: Fleet) -> None:
    running = fleet.up(detach=True)
    processes, run = fleet.processes(), fleet.run()
    assert tuple(processes) == NAMES
    assert environment(running, "payment")["AUTH_CLIENT_ID"] == "payment"
    assert down(fleet.root) == NAMES
    assert nothing_left(processes, run)


def test_down_cleans_up_after_a_killed_supervisor(fleet: Fleet) -> None:
    fleet.up(detach=True)
    processes, run = fleet.processes(), fleet.run()
    state = read_state(FleetFolder(fleet.root))
    assert state is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    until(lambda: not alive(state.supervisor))
    (fleet.root / "fleet.yaml").touch()
    assert [finding.verdict for finding in doctor(fleet.root).findings if finding.name == "run"] == ["wrong"]
    down(fleet.root)
    assert nothing_left(processes, run)
    assert read_state(FleetFolder(fleet.root)) is None


def test_up_cleans_up_after_a_killed_supervisor_too(fleet: Fleet) -> None:
    fleet.up(detach=True)
    first, run = fleet.processes(), fleet.run()
    state = read_state(FleetFolder(fleet.root))
    assert state is not None
    os.kill(state.supervisor.pid, signal.SIGKILL)
    until(lambda: not alive(state.supervisor))
    running = fleet.up()
    try:
        assert nothing_left(first, run)
        assert status(fleet.root).ready
    finally:
        running.stop()


def test_a_term_to_the_supervisor_ends_all(fleet: Fleet) -> None:
    running = fleet.up(detach=True)
    processes, run = fleet.processes(), fleet.run()
    state = read_state(FleetFolder(fleet.root))
    assert state is not None
    os.kill(state.supervisor.pid, signal.SIGTERM)
    running.wait()
    assert nothing_left(processes, run)


def test_a_service_that_crashes_or_is_killed_is_started_again(fleet: Fleet) -> None:
    running = fleet.up()
    try:
        before = fleet.processes()
        fetch("GET", f"{running.addresses['order']}/exit")
        os.kill(before["payment"].pid, signal.SIGKILL)
        until(lambda: len(fleet.of(Crashed)) == 2)
        until(lambda: status(fleet.root).ready)
        crashes = {crash.name: crash.code for crash in fleet.of(Crashed)}
        assert crashes == {"order": 3, "payment": -signal.SIGKILL}
        assert all(fleet.processes()[name] != before[name] for name in crashes)
        assert {process.name: process.restarts for process in status(fleet.root).processes}["order"] == 1
    finally:
        running.stop()


def test_servers_that_are_killed_come_back_on_their_ports(fleet: Fleet) -> None:
    running = fleet.up(only=("order",))
    try:
        before = fleet.processes()
        for name in ("postgres", "broker", "servers"):
            os.kill(before[name].pid, signal.SIGKILL)
        until(lambda: len(fleet.of(Crashed)) == 3, 30)
        until(lambda: status(fleet.root).ready, 30)
        with psycopg.connect(running.addresses["database/order"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        reply = fetch("GET", f"{running.addresses['issuer']}/jwks.json")
        assert reply is not None and reply.status == 200
    finally:
        running.stop()


def test_saving_a_file_starts_that_service_again_and_the_library_all(fleet: Fleet) -> None:
    running = fleet.up(reload=True)
    try:
        before = fleet.processes()
        source = fleet.root / "services" / "order" / "src" / "toy_order" / "main.py"
        until(lambda: _watches(fleet, source))
        until(lambda: fleet.of(Reloading) and status(fleet.root).ready)
        assert {event.name for event in fleet.of(Reloading)} == {"order"}
        assert fleet.processes()["payment"] == before["payment"]
        fleet.events.clear()
        (fleet.root / "libs" / "chassis-python" / "src" / "shared.py").write_text("VALUE = 1\n")
        until(lambda: {event.name for event in fleet.of(Reloading)} == {"order", "payment"})
        until(lambda: status(fleet.root).ready)
    finally:
        running.stop()


def _watches(fleet: Fleet, source: Path) -> bool:
    """Save until it is noticed: the watcher begins a moment after the services."""
    source.write_text(source.read_text() + "\n")
    threading.Event().wait(0.5)
    return bool(fleet.of(Reloading))


def test_a_service_that_cannot_start_ends_the_attempt_with_its_last_words(fleet: Fleet) -> None:
    with pytest.raises(RuntimeProblem, match="`order` ended 3 times"):
        fleet.up(environment={"order": {"BROKEN": "1"}})
    assert fleet.of(Crashed)[0].last_lines[-1] == "broken on purpose"
    assert len(fleet.of(Failed)) == 1
    assert fleet.processes() == {}
    fleet.up().stop()


def test_a_detached_attempt_that_fails_says_so(fleet: Fleet) -> None:
    with pytest.raises(RuntimeProblem, match="`order` ended 3 times"):
        fleet.up(detach=True, environment={"order": {"BROKEN": "1"}})
    assert read_state(FleetFolder(fleet.root)) is None


def test_a_fleet_whose_folder_is_removed_ends_itself(tmp_path: Path) -> None:
    fleet = Fleet(monorepo(tmp_path / "monorepo"))
    fleet.up(detach=True)
    processes, run = fleet.processes(), fleet.run()
    shutil.rmtree(fleet.root)
    assert await_end(processes.values(), 20)
    until(lambda: survivors(run) == ())


def test_two_fleets_at_once(fleet: Fleet, tmp_path: Path) -> None:
    other = Fleet(monorepo(tmp_path / "other"))
    first, second = fleet.up(), other.up()
    try:
        assert not set(first.addresses.values()) & set(second.addresses.values())
        assert status(fleet.root).ready and status(other.root).ready
        second.stop()
        assert status(fleet.root).ready
    finally:
        second.stop()
        first.stop()


def test_data_below_a_folder_that_is_closed_to_others(tmp_path: Path) -> None:
    """Root's home, say: PostgreSQL runs as somebody else there, and must still find its data."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    fleet = Fleet(monorepo(closed / "monorepo"))
    fleet.up(only=("order",)).stop()
    again = fleet.up(only=("order",))
    assert status(fleet.root).ready
    again.stop()


def test_unknown_services_are_told_before_anything_starts(fleet: Fleet) -> None:
    with pytest.raises(RuntimeProblem, match="no service `ordr`"):
        fleet.up(only=("ordr",))
    assert fleet.events == []
