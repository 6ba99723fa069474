"""The port for operators and for whoever runs the process.

Health is open. To look, a token needs the scope `admin.read` or `admin`; to change anything, `admin`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
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
from chassis.http.health import Health
from chassis.http.incoming import Incoming, correlation_of, read
from chassis.http.orders import Order, Redrive, read_order, read_redrive
from chassis.http.problem import Answer, Problem

log = logging.getLogger("chassis.admin")

SCOPE, READ_SCOPE = "admin", "admin.read"
SECONDS = 10.0
JSON = {"content-type": "application/json"}
VIEWS = ("outbox", "inbox", "parked", "projections", "leases", "actions")


class Operations(Protocol):
    """What operators can see and do. Methods run in threads; problems are raised.

    What is shown with a `version` is changed with that version in `If-Match`.
    """

    def status(self) -> dict[str, Any]:
        """The process and its parts."""

    def view(self, name: str) -> list[dict[str, Any]]:
        """The rows of one of `VIEWS`."""

    def list_sagas(self, status: str | None, saga_type: str | None, after: UUID | None) -> dict[str, Any]:
        """The newest sagas, and where the next page begins."""

    def show_saga(self, saga_id: UUID) -> dict[str, Any]:
        """One saga with its steps and actions."""

    def operate_saga(self, saga_id: UUID, op: str, order: Order) -> dict[str, Any]:
        """Intervene in a saga; gives it as it is then."""

    def show_outbox(self, ce_id: UUID) -> dict[str, Any]:
        """One message that waits or is dead."""

    def mend_outbox(self, ce_id: UUID, op: str, order: Order) -> dict[str, Any]:
        """Send a dead message again, or put a gap marker in its place."""

    def rebuild_projection(self, name: str, order: Order) -> dict[str, Any]:
        """Want a projection to be built anew, from the beginning of its topics."""

    def show_parked(self, handler: str, key: str) -> dict[str, Any]:
        """The parked records of a key."""

    def mend_parked(self, handler: str, key: str, op: str, order: Order) -> dict[str, Any]:
        """Try the parked records of a key now, or give up the first."""

    def dead_letters(self) -> list[dict[str, Any]]:
        """The topics that have dead letters."""

    def list_letters(self, topic: str, state: str | None) -> list[dict[str, Any]]:
        """The dead letters of a topic."""

    def show_letter(self, topic: str, partition: int, offset: int) -> dict[str, Any]:
        """One dead letter."""

    def mend_letters(self, topic: str, op: str, wanted: Redrive, order: Order) -> dict[str, Any]:
        """Redrive or discard dead letters."""


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
        looks: dict[str, Callable[[Incoming], Any]] = {
            "status": self._status,
            "sagas": self._list_sagas,
            "sagas/{id:uuid}": lambda asked: self._operations.show_saga(UUID(asked.path["id"])),
            "outbox/{id:uuid}": lambda asked: self._operations.show_outbox(UUID(asked.path["id"])),
            "parked/{handler}/{key:path}": lambda asked: self._operations.show_parked(**asked.path),
            "dlq": lambda _: {"items": self._operations.dead_letters()},
            "dlq/{topic}": self._list_letters,
            "dlq/{topic}/{partition:int}/{offset:int}": self._show_letter,
            **{name: partial(self._view, name) for name in VIEWS},
        }
        changes: dict[str, Callable[[Incoming, Caller], Any]] = {
            "sagas/{id:uuid}:{op}": self._operate_saga,
            "outbox/{id:uuid}:{op}": self._mend_outbox,
            "parked/{handler}/{key:path}:{op}": self._mend_parked,
            "dlq/{topic}:{op}": self._mend_letters,
            "projections/{name}:{op}": self._mend_projection,
        }
        routes = [
            Route("/livez", _alive),
            Route("/readyz", self._ready),
            Route("/startupz", self._started),
            *(Route(f"/admin/{path}", self._guarded(_looking(look))) for path, look in looks.items()),
            *(Route(f"/admin/{path}", self._guarded(act), methods=["POST"]) for path, act in changes.items()),
        ]
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
            changes = request.method == "POST"
            caller.need((READ_SCOPE if not changes and READ_SCOPE in caller.scopes else SCOPE,))
            content = serve(incoming, caller)
            if changes:
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

    # -- looking

    def _status(self, incoming: Incoming) -> dict[str, Any]:
        fault = self._health.fault()
        return {"ready": not fault, "fault": fault, **self._operations.status()}

    def _view(self, name: str, incoming: Incoming) -> dict[str, Any]:
        return {"items": self._operations.view(name)}

    def _list_sagas(self, incoming: Incoming) -> dict[str, Any]:
        asked = dict(incoming.query)
        try:
            after = UUID(asked["after"]) if "after" in asked else None
        except ValueError:
            raise Problem(400, "malformed", "after is not the end of a page") from None
        return self._operations.list_sagas(asked.get("status"), asked.get("type"), after)

    def _list_letters(self, incoming: Incoming) -> dict[str, Any]:
        return {"items": self._operations.list_letters(incoming.path["topic"], dict(incoming.query).get("state"))}

    def _show_letter(self, incoming: Incoming) -> dict[str, Any]:
        path = incoming.path
        return self._operations.show_letter(path["topic"], int(path["partition"]), int(path["offset"]))

    # -- changing

    def _operate_saga(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        op = _one_of(incoming, "retry", "skip", "compensate", "abort")
        return self._operations.operate_saga(UUID(incoming.path["id"]), op, read_order(incoming, caller))

    def _mend_outbox(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        op = _one_of(incoming, "redrive", "discard")
        return self._operations.mend_outbox(UUID(incoming.path["id"]), op, read_order(incoming, caller))

    def _mend_projection(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        _one_of(incoming, "rebuild")
        order = read_order(incoming, caller, versioned=False)
        return self._operations.rebuild_projection(incoming.path["name"], order)

    def _mend_parked(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        op = _one_of(incoming, "retry", "discard")
        path = incoming.path
        return self._operations.mend_parked(path["handler"], path["key"], op, read_order(incoming, caller))

    def _mend_letters(self, incoming: Incoming, caller: Caller) -> dict[str, Any]:
        op = _one_of(incoming, "redrive", "discard")
        order = read_order(incoming, caller, versioned=False)
        return self._operations.mend_letters(incoming.path["topic"], op, read_redrive(incoming), order)


async def _alive(request: Request) -> Response:
    return PlainTextResponse("alive")


def _looking(look: Callable[[Incoming], Any]) -> Callable[[Incoming, Caller], Any]:
    return lambda incoming, _: look(incoming)


def _one_of(incoming: Incoming, *operations: str) -> str:
    op = incoming.path["op"]
    if op not in operations:
        raise Problem(404, "not-found", "There is no such operation", f"there are {', '.join(operations)}")
    return op


def _plain(content: Any) -> Any:
    """With moments, ids and the like as text."""
    return json.loads(json.dumps(content, default=str))
