"""As much of HTTP as the small servers need: a function from request to answer, on loopback, kept-alive."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """What a handler sees. `path` is split at its slashes, each part decoded; header names are in lower case."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; a `ValueError` where it is none."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Answer:
    """What a handler gives."""

    status: int
    body: bytes
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(content: Any, status: int = 200, type_: str = "application/json") -> Answer:
    """JSON."""
    return Answer(status, json.dumps(content).encode(), type_)


Handler = Callable[[Request], Answer]


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fleetgen"
    sys_version = ""
    wbufsize = -1  # one packet for head and body: else the client's delayed acknowledgement costs 40 ms
    timeout = 300
    handler: ClassVar[Handler]

    def _answer(self) -> None:
        try:
            answer = type(self).handler(self._request())
        except ValueError as wrong:
            answer = json_answer({"error_code": 400, "message": str(wrong)}, 400)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def _request(self) -> Request:
        split = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self.close_connection = True
            raise ValueError("the body is too large")
        body = _decoded(self.rfile.read(length), self.headers.get("Content-Encoding", ""))
        return Request(
            method=self.command,
            path=tuple(unquote(part) for part in split.path.split("/") if part),
            query={name: values[0] for name, values in parse_qs(split.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a line a request would drown the log."""


def _decoded(body: bytes, encoding: str) -> bytes:
    try:
        match encoding:
            case "gzip":
                return gzip.decompress(body)
            case "deflate":
                return zlib.decompress(body)
            case _:
                return body
    except (OSError, zlib.error) as broken:
        raise ValueError(f"the body is not {encoding}") from broken


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def serve(handler: Handler, port: int) -> ThreadingHTTPServer:
    """A server that is bound to loopback and ready to `serve_forever`; port 0 takes a free one."""
    connection = type("Connection", (_Connection,), {"handler": staticmethod(handler)})
    return _Server(("127.0.0.1", port), connection)
