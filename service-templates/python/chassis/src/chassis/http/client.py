"""Synchronous calls of peers: with this service's own token, the caller's deadline, trace and business transaction."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chassis import telemetry
from chassis.definition import Limits, Route
from chassis.http.breaker import Breaker, Rules
from chassis.http.incoming import (
    CORRELATION,
    DEADLINE,
    SAGA_DIRECTION,
    SAGA_ID,
    SAGA_PART,
    SAGA_STEP,
    SAGA_TYPE,
)

if TYPE_CHECKING:
    import httpx

    from chassis.settings import Auth, Settings
    from chassis.work import SagaHeaders

TOKEN_EARLY = 30.0  # seconds before its end that a token is renewed
MARGIN = 0.05  # seconds of the deadline that are kept for the way back
_KEY = re.compile(r"\{(\w+)\}")


class PeerUnavailable(Exception):
    """No answer: the peer is away, too slow, or was failing so often that it is left alone. Trying later may help."""


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """What the peer said. `event` and `data` are the outcome; `rejected` says that it is the command's rejection."""

    status: int
    event: str
    data: dict[str, Any]
    rejected: bool
    detail: str = ""

    @property
    def carried_out(self) -> bool:
        """Whether there is a committed outcome, good or bad; if not, asking again in the same way cannot help."""
        return bool(self.event)


class ServiceToken:
    """This service's own token, by client credentials, kept until shortly before it ends."""

    def __init__(self, auth: Auth, client: httpx.Client, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._auth = auth
        self._client = client
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token = ""
        self._until = float("-inf")

    def get(self, *, fresh: bool = False) -> str:
        """The token; `fresh` when the one before was refused."""
        with self._lock:
            if fresh or self._monotonic() >= self._until:
                self._fetch()
            return self._token

    def _fetch(self) -> None:
        answer = self._client.post(
            self._auth.token_url,
            data={"grant_type": "client_credentials"},
            auth=(self._auth.client_id, self._auth.client_secret),
        )
        answer.raise_for_status()
        granted = answer.json()
        self._token = granted["access_token"]
        self._until = self._monotonic() + max(1.0, float(granted.get("expires_in", 60)) - TOKEN_EARLY)


@dataclass(frozen=True, slots=True)
class _Callee:
    name: str
    url: str
    breaker: Breaker
    slots: threading.BoundedSemaphore


class PeerClient:
    """Posts commands to peers. Threads may share it."""

    def __init__(self, settings: Settings, limits: Limits, *, transport: httpx.BaseTransport | None = None) -> None:
        self._settings = settings
        self._limits = limits
        self._transport = transport
        self._lock = threading.Lock()
        self._http: tuple[httpx.Client, ServiceToken] | None = None
        rules = Rules(limits.breaker_failures, limits.breaker_open)
        self._callees = {
            name: _Callee(name, url, Breaker(rules), threading.BoundedSemaphore(max(1, limits.bulkhead_concurrent)))
            for name, url in settings.peers.items()
        }

    def post(
        self,
        peer: str,
        route: Route,
        inputs: Mapping[str, Any],
        *,
        idempotency_key: str,
        correlation_id: str,
        saga: SagaHeaders | None = None,
        seconds: float | None = None,
    ) -> PeerAnswer:
        """Send a command to a peer and wait for its outcome.

        Raises `PeerUnavailable` when there is none: the command may or may not have been carried out, and the same
        `idempotency_key` makes it safe to ask again.
        """
        callee = self._callees[peer]
        wait = self._limits.timeout_internal if seconds is None else min(seconds, self._limits.timeout_internal)
        if not callee.slots.acquire(timeout=max(0.0, wait / 4)):
            raise PeerUnavailable(f"{peer}: too many calls at once")
        try:
            if not callee.breaker.admits():
                raise PeerUnavailable(f"{peer}: left alone after {self._limits.breaker_failures} failures in a row")
            return self._guarded(callee, route, inputs, _headers(idempotency_key, correlation_id, saga), wait)
        finally:
            callee.slots.release()

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http[0].close()

    def _guarded(
        self, callee: _Callee, route: Route, inputs: Mapping[str, Any], headers: dict[str, str], wait: float
    ) -> PeerAnswer:
        import httpx  # noqa: PLC0415 - a quarter of a second that services without peers never pay

        succeeded, peer = False, callee.name
        path, body = _filled(route, inputs)
        attributes = {"http.request.method": route.method, "server.address": peer, "url.template": route.path}
        try:
            with telemetry.span(f"{route.method} {route.path}", kind="client", attributes=attributes) as span:
                telemetry.inject(headers)
                response = self._send(callee.url + path, body, headers, wait)
                span.set_attribute("http.response.status_code", response.status_code)
                succeeded = response.status_code < 500
                if not succeeded or response.status_code == 429 or _in_flight(response):
                    raise PeerUnavailable(f"{peer}: answered {response.status_code}")
                return _answer(response)
        except httpx.HTTPError as error:
            raise PeerUnavailable(f"{peer}: {type(error).__name__}") from error
        finally:
            callee.breaker.note(succeeded)

    def _send(self, url: str, body: Mapping[str, Any], headers: dict[str, str], wait: float) -> httpx.Response:
        client, token = self._connected()
        end = time.monotonic() + wait
        for fresh in (False, True):
            remaining = max(MARGIN, end - time.monotonic())
            sent = {
                **headers,
                "authorization": f"Bearer {token.get(fresh=fresh)}",
                DEADLINE: str(int(max(0.0, remaining - MARGIN) * 1000)),
            }
            response = client.post(url, json=body, headers=sent, timeout=remaining)
            if response.status_code != 401:  # keys may have been rotated: once more with a fresh token
                break
        return response

    def _connected(self) -> tuple[httpx.Client, ServiceToken]:
        with self._lock:
            if self._http is None:
                import httpx  # noqa: PLC0415 - see above

                client = httpx.Client(transport=self._transport, timeout=self._limits.timeout_internal)
                self._http = (client, ServiceToken(self._settings.auth, client))
            return self._http


def _headers(idempotency_key: str, correlation_id: str, saga: SagaHeaders | None) -> dict[str, str]:
    headers = {"idempotency-key": idempotency_key, CORRELATION: correlation_id}
    if saga is None:
        return headers
    step = {SAGA_ID: str(saga.id), SAGA_TYPE: saga.type, SAGA_STEP: saga.step, SAGA_DIRECTION: saga.direction}
    return headers | step | ({SAGA_PART: saga.part} if saga.part else {})


def _filled(route: Route, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path with its key, and the inputs that are left for the body."""
    names = set(_KEY.findall(route.path))
    path = _KEY.sub(lambda match: quote(str(inputs[match.group(1)]), safe=""), route.path)
    return path, {name: value for name, value in inputs.items() if name not in names}


def _in_flight(response: httpx.Response) -> bool:
    """The same request is being served already: its outcome is not known yet."""
    return response.status_code == 409 and str(_json(response).get("type", "")).endswith("/in-flight")


def _answer(response: httpx.Response) -> PeerAnswer:
    content = _json(response)
    rejection = content.get("rejection", "")
    event = content.get("event", "") if response.is_success else rejection
    detail = content.get("detail") or content.get("title") or ""
    return PeerAnswer(response.status_code, event, content.get("data") or {}, bool(rejection), str(detail))


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        content = json.loads(response.content)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
