"""Puts the hooks where the chassis offers a place for them, and beside it where it rightly offers none."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import chassis.service
from chassis import clock, composition, faults
from chassis.http.admin import Admin
from chassis.service import Service
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chassis_conformance.handlers import Handlers, wish_of
from chassis_conformance.points import Points


def install(environ: Mapping[str, str]) -> None:
    """Before the service's own module is imported."""
    points, handlers = Points(environ), Handlers()
    faults.install(points)
    clock.nanoseconds = _shifted(environ.get("FLEET_CLOCK_OFFSET_FILE", ""))
    composition.Admin = _admin(points, handlers)
    run = chassis.service.run

    def run_hooked(service: Service) -> NoReturn:
        hooked = {name: handlers.around(name, handler) for name, handler in service.handlers.items()}
        run(replace(service, handlers=hooked))

    chassis.service.run = run_hooked


def _shifted(file: str) -> Callable[[], int]:
    """The clock, off by as many seconds as the file says whenever it is asked."""

    def nanoseconds() -> int:
        offset = 0.0
        with suppress(OSError, ValueError):
            offset = float(Path(file).read_text()) if file else 0.0
        return time.time_ns() + int(offset * 1_000_000_000)

    return nanoseconds


def _admin(points: Points, handlers: Handlers) -> type[Admin]:
    """The port for operators, where tests find the hooks too."""

    async def handler(request: Request) -> Response:
        return await _taken(request, lambda content: handlers.set(wish_of(content)))

    async def at_points(request: Request) -> Response:
        return await _taken(request, points.set)

    class ConformanceAdmin(Admin):
        def app(self) -> Starlette:
            app = super().app()
            app.router.routes.append(Route("/conformance/handler", handler, methods=["POST"]))
            app.router.routes.append(Route("/conformance/faults", at_points, methods=["POST"]))
            return app

    return ConformanceAdmin


async def _taken(request: Request, take: Callable[[dict], None]) -> Response:
    try:
        take(await request.json())
    except (TypeError, ValueError) as wrong:
        return PlainTextResponse(str(wrong), 422)
    return Response(status_code=204)
