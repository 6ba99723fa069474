from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.ports import keep_ports
from fleetgen.runtime.postgres import Postgres
from fleetgen.runtime.process import Child

FLEETGEN = [sys.executable, "-m", "fleetgen.cli.main"]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def fleet_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The monorepo of a sample, every service in Python; generated once a session."""
    made: dict[str, Path] = {}

    def generate(sample: str) -> Path:
        if sample not in made:
            folder = tmp_path_factory.mktemp("fleets") / sample
            run([*FLEETGEN, "new", "--from", sample, "--stack", "python", str(folder)])
            made[sample] = folder
        return made[sample]

    return generate


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL for all tests."""
    folder = FleetFolder(tmp_path_factory.mktemp("postgres"))
    folder.create()
    postgres = Postgres(folder, keep_ports(folder, ["postgres"])["postgres"], 1)
    postgres.prepare(lambda _: None)
    child = Child(postgres.launch(), "test", lambda *_: None)
    try:
        postgres.await_ready(60, lambda: not child.exited.is_set())
        yield postgres
    finally:
        child.end()


@pytest.fixture
def new_database(server: Postgres) -> Callable[[], str]:
    """`new_database()`: the address of one that is empty."""

    def create() -> str:
        name = f"t{uuid4().hex}"
        with server.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"{server.address.rpartition('/')[0]}/{name}"

    return create


def run(command: list[str], cwd: Path | None = None) -> str:
    """Run to the end with this environment's tools in front; what it printed stands in a failure's message."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout
