"""Two HTTP servers in one event loop: the service's own interface and the port for operators."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

BACKLOG = 512
KEEP_ALIVE = 75  # seconds; longer than balancers keep theirs, so that it is never us who hang up first


class Server(uvicorn.Server):
    """A server that leaves signals to its process and, while nothing happens, does nothing."""

    def __init__(self, app: Any, listener: socket.socket, drain: float) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            http="h11",
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=max(1, round(drain)),
        )
        super().__init__(config)
        self._listener = listener
        self._leave = asyncio.Event()
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's: it has more to end than this server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Wait for the end. The original looks ten times a second."""
        await self._leave.wait()

    async def run_until_left(self) -> None:
        """Serve until `leave`, then finish the requests that are under way."""
        await self.serve([self._listener])

    def leave(self) -> None:
        """Take no new connections and finish."""
        self.should_exit = True
        self._leave.set()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; `OSError` when the port is taken. Nobody can connect before the server runs."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol must be named: only then does the event loop turn off Nagle's delay, 40 ms an answer
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
