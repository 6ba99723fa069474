"""The port for operators and for whoever runs the process: health without a token, all else with the scope `admin`."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chassis import telemetry
from chassis.http.auth import Authenticator, Caller
from chassis.http.errors import problem_of
from chassis.http.incoming import Incoming, correlation_of, read
from chassis.http.problem import Answer, Problem

log = logging.getLogger("chassis.admin")

SCOPE = "admin"
OLDEST_MOST = 300.0  # seconds; an outbox that stands still longer than this needs help
CHECKED_FOR = 1.0  # seconds for which one look at the database answers all questions after readiness
SECONDS = 10.0
ACTOR_MOST, REASON_MOST = 200, 2000
JSON = {"content-type": "application/json"}


@dataclass
class Health:
    """What the process says of itself. `oldest` gives the age in seconds of the oldest unsent message."""

    database: Callable[[], bool]
    oldest: Callable[[], float]
    started: bool = False
    draining: bool = False
    monotonic: Callable[[], float] = time.monotonic
    _checked: tuple[float, str] = field(default=(float("-inf"), ""), repr=False)

    def fault(self) -> str:
        """Why the service is not ready; nothing when it is. Kafka may be away: the outbox waits for it."""
        if not self.started:
            return "starting"
        if self.draining:
            return "stopping"
        at, fault = self._checked
        if self.monotonic() - at >= CHECKED_FOR:
            fault = self._look()
            self._checked = (self.monotonic(), fault)
        return fault

    def _look(self) -> str:
        if not self.database():
            return "the database does not answer"
        age = self.oldest()
        return f"the outbox has not moved for {age:.0f} s" if age > OLDEST_MOST else ""


class Operations(Protocol):
    """What operators can see and do. Methods run in threads; problems are raised."""

    def view(self, name: str) -> list[dict[str, Any]]:
        """The rows of a view: outbox, inbox, parked or leases."""

    def list_sagas(self, status: str | None, saga_type: str | None, after: UUID | None) -> dict[str, Any]:
        """The newest sagas, and where the next page begins."""

    def show_saga(self, saga_id: UUID) -> dict[str, Any]:
        """One saga with its steps and actions."""

    def operate_saga(self, saga_id: UUID, op: str, order: Order) -> dict[str, Any]:
        """Intervene in a saga; gives it as it is then."""

    def mend_outbox(self, ce_id: UUID, op: str) -> None:
        """Send a dead message again, or put a gap marker in its place."""

    def mend_parked(self, handler: str, key: str, op: str) -> int:
        """Try the parked records of a key now, or give up the first; how many records it concerned."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants a manual intervention, why, and on which version of the saga."""

    actor: str
    reason: str
    expected_version: int
    force: bool


class Admin:
    """The admin interface."""

    def __init__(self, health: Health, operations: Operations, authenticate: Authenticator) -> None:
        self._health = health
        self._operations = operations
        self._authenticate = authenticate
        self._threads: CapacityLimiter | None = None
        self._health_thread: CapacityLimiter | None = None

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/livez", _alive),
            Route("/readyz", self._ready),
            Route("/startupz", self._started),
            Route("/admin/sagas", self._guarded(self._list_sagas)),
            Route("/admin/sagas/{id:uuid}", self._guarded(self._show_saga)),
            Route("/admin/sagas/{id:uuid}:{op}", self._guarded(self._operate_saga), methods=["POST"]),
            Route("/admin/outbox/{id:uuid}:{op}", self._guarded(self._mend_outbox), methods=["POST"]),
            Route("/admin/parked/{handler}/{key:path}:{op}", self._guarded(self._mend_parked), methods=["POST"]),
        ]
        for name in ("outbox", "inbox", "parked", "leases"):
            routes.append(Route(f"/admin/{name}", self._guarded(partial(self._view, name))))
        return Starlette(routes=routes)

    async def _ready(self, request: Request) -> Response:
        if self._health_thread is None:  # of its own: a slow look at the sagas must not make the service unready
            self._health_thread = CapacityLimiter(1)
        fault = await to_thread.run_sync(self._health.fault, limiter=self._health_thread)
        return PlainTextResponse(fault or "ready", 503 if fault else 200)

    async def _started(self, request: Request) -> Response:
        started = self._health.started
        return PlainTextResponse("started" if started else "starting", 200 if started else 503)

    def _limiter(self) -> CapacityLimiter:
        if self._threads is None:
            self._threads = CapacityLimiter(2)
        return self._threads

    def _guarded(self, serve: Callable[[Incoming, Caller], Any]) -> Callable[[Request], Any]:
        """Only with the scope, in a thread, errors as problems, and every change in the log."""

        def answer(request: Request, incoming: Incoming) -> Answer:
            caller = self._authenticate(incoming.headers.get("authorization"))
            caller.need((SCOPE,))
            content = serve(incoming, caller)
            if request.method == "POST":
                log.warning("admin: %s %s", request.method, request.url.path, extra={"actor": caller.subject})
            version = content.get("version") if isinstance(content, dict) else None
            return Answer(200, _plain(content), JSON | ({"etag": f'"{version}"'} if version is not None else {}))

        async def endpoint(request: Request) -> Response:
            correlation_id = correlation_of(request.headers)
            with telemetry.bound(correlation_id=correlation_id):
                try:
                    incoming = await read(request, correlation_id, SECONDS)
                    result = await to_thread.run_sync(answer, request, incoming, limiter=self._limiter())
                except Exception as error:
                    result = problem_of(error).answer()
            return Response(result.content(), result.status, result.headers)

        return endpoint

    def _view(self, name: str, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        return {"items": self._operations.view(name)}

    def _list_sagas(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        asked = dict(incoming.query)
        try:
            after = UUID(asked["after"]) if "after" in asked else None
        except ValueError:
            raise Problem(400, "malformed", "after is not the end of a page") from None
        return self._operations.list_sagas(asked.get("status"), asked.get("type"), after)

    def _show_saga(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        return self._operations.show_saga(UUID(incoming.path["id"]))

    def _operate_saga(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        op = _one_of(incoming, "retry", "skip", "compensate", "abort")
        return self._operations.operate_saga(UUID(incoming.path["id"]), op, _order(incoming, caller))

    def _mend_outbox(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        op = _one_of(incoming, "redrive", "discard")
        self._operations.mend_outbox(UUID(incoming.path["id"]), op)
        return {"id": incoming.path["id"], "done": op}

    def _mend_parked(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        op = _one_of(incoming, "retry", "discard")
        handler, key = incoming.path["handler"], incoming.path["key"]
        return {"handler": handler, "key": key, "done": op, "records": self._operations.mend_parked(handler, key, op)}


async def _alive(request: Request) -> Response:
    return PlainTextResponse("alive")


def _one_of(incoming: Incoming, *operations: str) -> str:
    op = incoming.path["op"]
    if op not in operations:
        raise Problem(404, "not-found", "There is no such operation", f"there are {', '.join(operations)}")
    return op


def _order(incoming: Incoming, caller: Caller) -> Order:
    try:
        body = json.loads(incoming.body or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Problem(400, "malformed", "The body is not a JSON object")
    reason, actor = body.get("reason"), body.get("actor", caller.subject)
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= REASON_MOST:
        raise Problem(422, "invalid", "A reason is needed", f"reason must be a text of 1 to {REASON_MOST} characters")
    if not isinstance(actor, str) or not 0 < len(actor.strip()) <= ACTOR_MOST:
        raise Problem(
            422, "invalid", "The actor is not a name", f"actor must be a text of 1 to {ACTOR_MOST} characters"
        )
    if actor != caller.subject:  # whom a tool acts for; who it is stands in its token
        actor = f"{actor} via {caller.subject}"
    return Order(actor, reason, _expected_version(incoming), body.get("force") is True)


def _expected_version(incoming: Incoming) -> int:
    given = incoming.headers.get("if-match", "").strip()
    if not given:
        raise Problem(428, "version-needed", "If-Match is needed", "send the version of the saga that you have seen")
    text = given.removeprefix("W/").strip('"')
    if not text.isdecimal() or len(text) > 18:
        raise Problem(400, "version-malformed", "If-Match must be the version of the saga")
    return int(text)


def _plain(content: Any) -> Any:
    """With moments, ids and the like as text."""
    return json.loads(json.dumps(content, default=str))
