"""Synchronous calls of peers: with this service's own token, the caller's deadline, trace and business transaction."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from opentelemetry.metrics import CallbackOptions, Observation

from chassis import telemetry
from chassis.calling import PeerAnswer, PeerUnavailable
from chassis.definition import Limits, Route
from chassis.http.breaker import Breaker, Rules
from chassis.http.bulkhead import Bulkhead, BulkheadFull
from chassis.http.incoming import (
    CORRELATION,
    DEADLINE,
    SAGA_DIRECTION,
    SAGA_ID,
    SAGA_PART,
    SAGA_STEP,
    SAGA_TYPE,
)
from chassis.http.retries import SharedBudget, wait_before

if TYPE_CHECKING:
    import httpx

    from chassis.settings import Auth, Settings
    from chassis.work import SagaHeaders, UnitOfWork

TOKEN_EARLY = 30.0  # seconds before its end that a token is renewed
MARGIN = 0.05  # seconds of the deadline that are kept for the way back
_KEY = re.compile(r"\{(\w+)\}")


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
class _Call:
    """One call as it will be made, perhaps several times: a query, or a command with a key."""

    peer: str
    method: str
    route: str
    path: str
    body: dict[str, Any] | None
    headers: dict[str, str]
    deadline: float

    @property
    def remaining(self) -> float:
        """Seconds."""
        return self.deadline - time.monotonic()


@dataclass(frozen=True, slots=True)
class _Callee:
    """A peer. One of its operations may fail while the others work, so each has its own breaker."""

    url: str
    bulkhead: Bulkhead
    breakers: dict[str, Breaker] = field(default_factory=dict)


class PeerClient:
    """Asks peers. Threads may share it.

    A failed try is repeated after a pause while there is time, and while the budget for repetitions lasts: what is done
    for a peer in trouble must not be what keeps it there.
    """

    def __init__(self, settings: Settings, limits: Limits, *, transport: httpx.BaseTransport | None = None) -> None:
        self._settings = settings
        self._limits = limits
        self._transport = transport
        self._lock = threading.Lock()
        self._http: tuple[httpx.Client, ServiceToken] | None = None
        self._rules = Rules(limits.breaker_failures, limits.breaker_open)
        self.budget = SharedBudget()
        self._callees = {
            name: _Callee(url, Bulkhead(limits.bulkhead_concurrent, limits.bulkhead_queued))
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
        path, body = _filled(route.path, inputs)
        headers = _headers(idempotency_key, correlation_id, saga)
        return _answer(self._made(_Call(peer, "POST", route.path, path, body, headers, self._deadline(seconds))))

    def ask(self, peer: str, path: str, inputs: Mapping[str, Any], work: UnitOfWork) -> tuple[int, dict[str, Any]]:
        """Status and content of what a query answers. Raises `PeerUnavailable`."""
        filled, rest = _filled(path, inputs)
        if rest:
            filled += "?" + urlencode({name: _parameter(value) for name, value in rest.items()})
        headers = {CORRELATION: work.context.correlation_id}
        response = self._made(_Call(peer, "GET", path, filled, None, headers, self._deadline(_left(work))))
        return response.status_code, _json(response)

    def tell(self, peer: str, path: str, inputs: Mapping[str, Any], key: str, work: UnitOfWork) -> PeerAnswer:
        """The outcome of a command. Raises `PeerUnavailable`."""
        context, route = work.context, Route(method="POST", path=path)
        return self.post(
            peer, route, inputs, idempotency_key=key, correlation_id=context.correlation_id, seconds=_left(work)
        )

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http[0].close()

    def states(self) -> dict[tuple[str, str], str]:
        """Where the breakers stand, by peer and operation."""
        with self._lock:
            return {
                (name, operation): breaker.state.name
                for name, callee in self._callees.items()
                for operation, breaker in callee.breakers.items()
            }

    def waiting(self) -> dict[str, int]:
        """How many calls wait for a place, by peer."""
        return {name: callee.bulkhead.load.waiting for name, callee in self._callees.items()}

    def _deadline(self, seconds: float | None) -> float:
        most = self._limits.timeout_internal
        return time.monotonic() + (most if seconds is None else min(seconds, most))

    def _made(self, call: _Call) -> httpx.Response:
        """The call, tried as often as it makes sense."""
        self.budget.note_call()
        tried = 0
        while True:
            tried += 1
            try:
                return self._tried(call)
            except PeerUnavailable as failure:
                left_alone = isinstance(failure, _LeftAlone)
                wait = wait_before(tried, self._limits.retry_attempts, call.remaining * 1000, random.randint)
                if left_alone or wait is None or not self.budget.take():
                    raise
            time.sleep(wait / 1000)

    def _tried(self, call: _Call) -> httpx.Response:
        callee = self._callees[call.peer]
        breaker = self._breaker(callee, f"{call.method} {call.route}")
        try:
            with callee.bulkhead.place(call.remaining):
                if not breaker.admits():
                    raise _LeftAlone(f"{call.peer}: left alone after {self._limits.breaker_failures} failures in a row")
                return self._guarded(callee, breaker, call)
        except BulkheadFull:
            raise _LeftAlone(f"{call.peer}: too many calls at once") from None

    def _breaker(self, callee: _Callee, operation: str) -> Breaker:
        with self._lock:
            return callee.breakers.setdefault(operation, Breaker(self._rules))

    def _guarded(self, callee: _Callee, breaker: Breaker, call: _Call) -> httpx.Response:
        import httpx  # noqa: PLC0415 - a quarter of a second that services without peers never pay

        succeeded, peer, name = False, call.peer, f"{call.method} {call.route}"
        attributes = {"http.request.method": call.method, "server.address": peer, "url.template": call.route}
        try:
            with telemetry.span(name, kind="client", attributes=attributes) as span:
                headers = dict(call.headers)
                telemetry.inject(headers)
                response = self._send(callee.url + call.path, call, headers)
                span.set_attribute("http.response.status_code", response.status_code)
                succeeded = response.status_code < 500
                if not succeeded or response.status_code == 429 or _in_flight(response):
                    raise PeerUnavailable(f"{peer}: answered {response.status_code}")
                return response
        except httpx.HTTPError as error:
            raise PeerUnavailable(f"{peer}: {type(error).__name__}") from error
        finally:
            breaker.note(succeeded)

    def _send(self, url: str, call: _Call, headers: dict[str, str]) -> httpx.Response:
        client, token = self._connected()
        for fresh in (False, True):
            remaining = max(MARGIN, call.remaining)
            sent = {
                **headers,
                "authorization": f"Bearer {token.get(fresh=fresh)}",
                DEADLINE: str(int(max(0.0, remaining - MARGIN) * 1000)),
            }
            response = client.request(call.method, url, json=call.body, headers=sent, timeout=remaining)
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


class _LeftAlone(PeerUnavailable):
    """The peer was not even asked: trying at once would be what the breaker and the bulkhead are against."""


def observe(client: PeerClient) -> None:
    """Register the gauges of breakers and bulkheads."""
    numbers = {"closed": 0, "half-open": 1, "open": 2}

    def breakers(_: CallbackOptions) -> Iterator[Observation]:
        for (peer, operation), state in client.states().items():
            yield Observation(numbers[state], {"peer": peer, "operation": operation})

    def queues(_: CallbackOptions) -> Iterator[Observation]:
        for peer, waiting in client.waiting().items():
            yield Observation(waiting, {"peer": peer})

    telemetry.meter.create_observable_gauge("fleet.breaker.state", [breakers], description="0 closed, 2 open")
    telemetry.meter.create_observable_gauge("fleet.bulkhead.queue", [queues], "{call}")


def _left(work: UnitOfWork) -> float | None:
    """Seconds that whoever waits for the unit of work still waits."""
    return None if work.deadline is None else work.deadline - time.monotonic()


def _parameter(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _headers(idempotency_key: str, correlation_id: str, saga: SagaHeaders | None) -> dict[str, str]:
    headers = {"idempotency-key": idempotency_key, CORRELATION: correlation_id}
    if saga is None:
        return headers
    step = {SAGA_ID: str(saga.id), SAGA_TYPE: saga.type, SAGA_STEP: saga.step, SAGA_DIRECTION: saga.direction}
    return headers | step | ({SAGA_PART: saga.part} if saga.part else {})


def _filled(template: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path with its key, and the inputs that are left for the body."""
    names = set(_KEY.findall(template))
    path = _KEY.sub(lambda match: quote(str(inputs[match.group(1)]), safe=""), template)
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


__all__ = ["PeerAnswer", "PeerClient", "PeerUnavailable", "ServiceToken", "observe"]
