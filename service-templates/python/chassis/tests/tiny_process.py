"""Runs the tiny service as a process of its own, with everything it needs around it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tiny_neighbours import Neighbours
from tiny_service import TABLES

HERE = Path(__file__).parent
START_MOST = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `look` gives once it gives something."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"nothing after {seconds} s"
        time.sleep(0.02)
    return found


class Running:
    """A service that runs, and clients of it."""

    def __init__(self, folder: Path, environ: dict[str, str], **facts: Any) -> None:
        self.log = folder / f"log-{uuid4().hex}"
        (folder / "more.json").write_text(json.dumps(facts))
        (folder / "tables.sql").write_text(TABLES)
        command = [sys.executable, str(HERE / "tiny_main.py"), str(folder / "more.json"), str(folder / "tables.sql")]
        self.begun = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{environ['HTTP_PORT']}", timeout=20)
        self.admin = httpx.Client(base_url=f"http://127.0.0.1:{environ['ADMIN_PORT']}", timeout=20)

    def wait_ready(self) -> float:
        """Seconds it took."""
        eventually(self._is_ready, START_MOST)
        return time.monotonic() - self.begun

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return self.admin.get("/readyz").status_code == 200
        return False

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        """Signal it and wait for its end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def environment(neighbours: Neighbours, database_url: str, bootstrap: str, **more: str) -> dict[str, str]:
    """As `up` or a deployment would set it."""
    standard = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join((str(HERE.parent / "src"), str(HERE))),
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP": bootstrap,
        "SCHEMA_REGISTRY_URL": neighbours.url,
        "HTTP_PORT": str(free_port()),
        "ADMIN_PORT": str(free_port()),
        "AUTH_ISSUER": neighbours.url,
        "AUTH_AUDIENCE": "tiny",
        "AUTH_JWKS_URL": f"{neighbours.url}/jwks.json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": neighbours.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }
    return {name: value for name, value in (standard | more).items() if value}


@contextlib.contextmanager
def running(folder: Path, environ: dict[str, str], **facts: Any) -> Iterator[Running]:
    """A service that is ready; killed at the end if it still runs."""
    service = Running(folder, environ, **facts)
    try:
        service.wait_ready()
        yield service
    finally:
        service.stop(signal.SIGKILL)
        service.api.close()
        service.admin.close()
