"""The life of a service's process: from its settings to exit code 0 after SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from chassis import faults, logs, settings, version
from chassis.composition import Composition
from chassis.http.serving import Server, listen

if TYPE_CHECKING:
    from chassis.exporting import Exporting
    from chassis.service import Service
    from chassis.settings import Settings

log = logging.getLogger("chassis")

DRAIN = 20.0  # seconds that requests under way may take to end
NOTICE = {"development": 0.0, "production": 2.0}  # seconds between unready and refusing: balancers need to see it
OK, FAILED, MISCONFIGURED = 0, 1, 2


def main(service: Service) -> int:
    """Serve until a signal; the exit code."""
    if problem := version.unsatisfied(service.definition):
        print(problem, file=sys.stderr)
        return MISCONFIGURED
    try:
        read = settings.read(os.environ, service.definition)
    except settings.SettingsError as wrong:
        print(f"{service.definition.name.text} cannot start:", file=sys.stderr)
        for line in wrong.problems:
            print(f"  {line}", file=sys.stderr)
        return MISCONFIGURED
    logs.configure(service.definition, read.log_level)
    exporting = _exporting(service, read)
    try:
        return asyncio.run(Process(service, read).serve())
    finally:
        if exporting is not None:
            exporting.close()


def _exporting(service: Service, read: Settings) -> Exporting | None:
    if not read.otlp_endpoint:
        return None
    from chassis.exporting import Exporting  # noqa: PLC0415 - the SDK is not needed without a place to send to

    return Exporting(read, service.definition)


class Process:
    """One run of a service."""

    def __init__(self, service: Service, read: Settings) -> None:
        self._name = service.definition.name.text
        self._settings = read
        self._parts = Composition(service, read)
        self._leave = asyncio.Event()

    async def serve(self) -> int:
        """Start, serve, and stop in order."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave.set)
        try:
            sockets = [listen(self._settings.http_host, port) for port in self._ports()]
        except OSError as error:
            log.critical("%s cannot listen on its ports: %s", self._name, error)
            return FAILED
        api = Server(self._parts.api.app(), sockets[0], DRAIN)
        admin = Server(self._parts.admin.app(), sockets[1], 1.0)
        operators = asyncio.create_task(admin.run_until_left())
        try:
            return await self._serve(api)
        finally:
            admin.leave()
            await operators

    async def _serve(self, api: Server) -> int:
        starting = self._start()
        leaving = asyncio.create_task(self._leave.wait())
        await asyncio.wait((starting, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            log.info("%s stops before it was ready", self._name)
            return OK
        try:
            starting.result()
        except Exception:
            log.critical("%s cannot start", self._name, exc_info=True)
            leaving.cancel()
            return FAILED
        requests = asyncio.create_task(api.run_until_left())
        await api.listening.wait()
        self._parts.health.started = True
        if not leaving.done():
            log.info("%s is ready", self._name, extra={"port": self._settings.http_port})
        await leaving
        await self._stop(api, requests)
        return OK

    def _start(self) -> asyncio.Future[None]:
        """Open the parts in a thread that does not outlive the process, whatever it may be waiting for."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if not opened.done():
                opened.set_exception(error) if error else opened.set_result(None)

        def start() -> None:
            try:
                self._parts.open()
            except Exception as error:
                loop.call_soon_threadsafe(settle, error)
            else:
                loop.call_soon_threadsafe(settle, None)

        threading.Thread(target=start, name="start", daemon=True).start()
        return opened

    async def _stop(self, api: Server, requests: asyncio.Task[None]) -> None:
        log.info("%s is stopping", self._name)
        self._parts.health.draining = True
        faults.point("shutdown.draining")
        await asyncio.sleep(NOTICE[self._settings.environment])
        api.leave()
        await asyncio.gather(requests, asyncio.to_thread(self._parts.quiesce))
        await asyncio.to_thread(self._parts.close)
        log.info("%s has stopped", self._name)

    def _ports(self) -> tuple[int, int]:
        return self._settings.http_port, self._settings.admin_port
