"""A client for servers on this machine: one request, one answer, never through a proxy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def fetch(
    method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, limit: float = 10
) -> Reply | None:
    """Ask; None where nobody answers within `limit` seconds. A `body` that is not bytes goes as JSON."""
    split = urlsplit(url)
    sent = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    connection = HTTPConnection(split.hostname or "127.0.0.1", split.port, timeout=limit)
    try:
        connection.request(method, f"{split.path or '/'}{'?' + split.query if split.query else ''}", body, sent)
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
