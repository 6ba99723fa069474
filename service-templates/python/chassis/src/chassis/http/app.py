"""The HTTP interface of a service: its routes come from its facts, so the contract and the code cannot differ."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import telemetry
from chassis.definition import Command, Projection, Query
from chassis.definition import Route as Address
from chassis.http.calls import Ports, serve_command, serve_query
from chassis.http.errors import overloaded, problem_of
from chassis.http.incoming import CORRELATION, Incoming, correlation_of, read
from chassis.http.problem import Answer, Problem
from chassis.http.shedding import Shedder, urgency_of
from chassis.http.views import serve_read_model
from chassis.service import Service

THREADS = 8  # fewer than connections to the database: relay, consumer and timers need theirs

shed = telemetry.meter.create_counter("fleet.shed.requests", "{request}", "Requests refused under load")
duration = telemetry.meter.create_histogram("http.server.request.duration", "s", "How long requests took")

Serve = Callable[[Incoming], Answer]
Call = Command | Query | Projection


class Api:
    """Serves requests in threads of its own, and refuses what would have to wait too long for one."""

    def __init__(self, service: Service, ports: Ports) -> None:
        self._service = service
        self._ports = ports
        limits = service.definition.limits
        self._internal, self._external = limits.timeout_internal, limits.timeout_external
        self._most = THREADS + limits.bulkhead_queued
        self._threads: CapacityLimiter | None = None
        self.shedder = Shedder()
        self.active = 0

    def app(self) -> Starlette:
        """The ASGI application."""
        shed.add(0)  # so that a dashboard shows none instead of nothing
        definition = self._service.definition
        calls: list[tuple[Address, Call]] = [(command.route, command) for command in definition.commands]
        calls += [(query.route, query) for query in definition.queries]
        calls += [(model.route, model) for model in definition.read_models if model.route is not None]
        # a path without placeholders must be tried before one that would take its last part for a key
        calls.sort(key=lambda pair: (pair[0].path.count("{"), pair[0].path))
        routes = [Route(at.path, self._endpoint(at, call), methods=[at.method]) for at, call in calls]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _no_route})
        app.router.redirect_slashes = False  # the contract knows one address of each thing
        return app

    def _serving(self, call: Call) -> Serve:
        if isinstance(call, Command):
            return lambda incoming: serve_command(self._service, self._ports, call, incoming)
        if isinstance(call, Projection):
            return lambda incoming: serve_read_model(self._service, self._ports, call, incoming)
        return lambda incoming: serve_query(self._service, self._ports, call, incoming)

    def _endpoint(self, at: Address, call: Call) -> Callable[[Request], Awaitable[Response]]:
        seconds = self._internal if call.exposure == "internal" else self._external
        name, serve = f"{at.method} {at.path}", self._serving(call)

        async def endpoint(request: Request) -> Response:
            correlation_id = correlation_of(request.headers)
            attributes = {"http.request.method": at.method, "http.route": at.path}
            begun = time.perf_counter()
            with (
                telemetry.span(name, kind="server", parent=request.headers, attributes=attributes) as span,
                telemetry.bound(correlation_id=correlation_id),
            ):
                urgency = urgency_of(request.headers.get("priority", ""), call.exposure == "internal")
                answer = await self._answer(request, correlation_id, seconds, self._unless_shed(serve, urgency))
                span.set_attribute("http.response.status_code", answer.status)
                if answer.status >= 500:
                    telemetry.failed(span, str(answer.status))
                duration.record(time.perf_counter() - begun, {**attributes, "http.response.status_code": answer.status})
            return _response(answer, correlation_id)

        return endpoint

    def _unless_shed(self, serve: Serve, urgency: int) -> Serve:
        """Refuse in the thread what waited for it too long, or for longer than its caller does."""
        queued_at = time.monotonic()

        def admit(incoming: Incoming) -> Answer:
            incoming.remaining()
            if self.shedder.sheds(queued_at, urgency):
                shed.add(1)
                raise overloaded()
            return serve(incoming)

        return admit

    async def _answer(self, request: Request, correlation_id: str, seconds: float, serve: Serve) -> Answer:
        if self._threads is None:
            self._threads = CapacityLimiter(THREADS)
        self.active += 1
        try:
            if self.active > self._most:
                shed.add(1)
                raise overloaded()
            incoming = await read(request, correlation_id, seconds)
            incoming.remaining()  # what has expired on the way costs no thread
            return await to_thread.run_sync(serve, incoming, limiter=self._threads)
        except Exception as error:
            return problem_of(error).answer()
        finally:
            self.active -= 1


def _response(answer: Answer, correlation_id: str) -> Response:
    return Response(answer.content(), answer.status, {CORRELATION: correlation_id, **answer.headers})


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    kinds = {404: ("not-found", "There is nothing at this address"), 405: ("method", "Another method is wanted here")}
    kind, title = kinds.get(status, ("malformed", "The request is not understood"))
    headers = {"allow": ", ".join(_allowed(request))} if status == 405 else {}
    return _response(Problem(status, kind, title, headers=headers).answer(), correlation_of(request.headers))


def _allowed(request: Request) -> list[str]:
    """The methods of all routes with this path; one route knows only its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    path = request.url.path
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})
