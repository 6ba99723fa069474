"""Faults of the network: toxiproxy, built once per machine, and the proxies in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.http import fetch
from fleetgen.runtime.lab import once, run_tool
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import go, plain_environment

from rig.waiting import until

VERSION = "v2.12.0"


def toxiproxy() -> Path:
    """The server's binary."""

    def build(folder: Path) -> None:
        program = go()
        if program is None:
            raise RuntimeProblem("toxiproxy is built by Go, which is not there", "install Go")
        command = (str(program), "install", "-p", "2", f"github.com/Shopify/toxiproxy/v2/cmd/server@{VERSION}")
        run_tool("building toxiproxy", command, folder, plain_environment({"GOBIN": str(folder)}), 900)

    return once(f"toxiproxy-{VERSION}", build) / "server"


class Toxiproxy:
    """The server's interface. `launch` says how to start it."""

    def __init__(self, port: int, folder: Path) -> None:
        self._port, self._folder = port, folder

    def launch(self) -> Launch:
        """One process for all proxies."""
        return Launch(
            name="toxiproxy",
            arguments=(str(toxiproxy()), "-host", "127.0.0.1", "-port", str(self._port)),
            folder=self._folder,
            log=self._folder / "toxiproxy.log",
            environment=plain_environment({"LOG_LEVEL": "error"}),
            grace=3,
        )

    def await_ready(self) -> None:
        """Wait until it answers."""
        until(lambda: fetch("GET", self._url("/version"), limit=2), "toxiproxy answers", 30)

    def proxy(self, name: str, port: int, target: int) -> Link:
        """A new proxy from one port on loopback to another."""
        content = {"name": name, "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{target}", "enabled": True}
        self.ask("POST", "/proxies", content)
        return Link(self, name, port)

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """One request, which must succeed."""
        reply = fetch(method, self._url(path), content)
        assert reply is not None and reply.status < 300, (path, reply)
        return reply.json()

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"


class Link:
    """One proxied connection between services and a server."""

    def __init__(self, server: Toxiproxy, name: str, port: int) -> None:
        self._server, self._name, self.port = server, name, port

    @contextmanager
    def toxic(self, kind: str, stream: str = "downstream", share: float = 1.0, **attributes: Any) -> Iterator[None]:
        """While inside, this toxic acts; its attributes are those of toxiproxy."""
        name = f"{kind}-{os.urandom(4).hex()}"
        content = {"name": name, "type": kind, "stream": stream, "toxicity": share, "attributes": attributes}
        self._server.ask("POST", f"/proxies/{self._name}/toxics", content)
        try:
            yield
        finally:
            self._server.ask("DELETE", f"/proxies/{self._name}/toxics/{name}")

    @contextmanager
    def down(self) -> Iterator[None]:
        """While inside, connections are cut and refused."""
        self._server.ask("POST", f"/proxies/{self._name}", {"enabled": False})
        try:
            yield
        finally:
            self._server.ask("POST", f"/proxies/{self._name}", {"enabled": True})
