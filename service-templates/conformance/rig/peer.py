"""A peer that the suite plays over HTTP: it answers as a script says, and remembers when it was asked what."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """One request that came. `at` is monotonic."""

    at: float
    path: str
    key: str
    headers: dict[str, str]


@dataclass
class Peer:
    """Serves on a free port of loopback. `status` says how each request is answered."""

    status: Callable[[Request], int] = lambda request: 201
    slow: float = 0.0
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        peer, guard = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                given = json.loads(self.rfile.read(length) or b"{}")
                headers = {name.lower(): text for name, text in self.headers.items()}
                request = Request(time.monotonic(), self.path, headers.get("idempotency-key", ""), headers)
                with guard:
                    peer.requests.append(request)
                    status = peer.status(request)
                if peer.slow:
                    time.sleep(peer.slow)
                content = {"event": "RiskScored", "data": {"scoreId": str(uuid.uuid4()), **given}}
                if status >= 400:
                    content = {"type": "about:blank", "title": "as asked for", "status": status}
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="peer", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self) -> int:
        return len(self.requests)
