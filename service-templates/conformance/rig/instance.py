"""One process of a service: started, asked, disturbed and killed by the suite."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from fleetgen.runtime.http import fetch
from fleetgen.runtime.monorepo import LocalService
from fleetgen.runtime.process import Child, Launch

from rig.servers import log_end
from rig.waiting import until


class Instance:
    """A process and its two ports. It does not come back by itself."""

    def __init__(
        self, service: LocalService, launch: Launch, http: int, admin: int, place: int, *, has_hooks: bool = True
    ) -> None:
        """Start it, wait for nothing. `place` is its number among the instances of its service."""
        self.service, self.launch, self.place = service, launch, place
        self.http, self.admin = f"http://127.0.0.1:{http}", f"http://127.0.0.1:{admin}"
        self.port, self.has_hooks = http, has_hooks
        self.child = Child(launch, f"conformance-{os.getpid()}", lambda *_: None)

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def pid(self) -> int:
        return self.child.identity.pid

    @property
    def lives(self) -> bool:
        return not self.child.exited.is_set()

    @property
    def is_ready(self) -> bool:
        reply = fetch("GET", f"{self.admin}/readyz", limit=2)
        return reply is not None and reply.status == 200

    def await_ready(self, limit: float = 90) -> Instance:
        """Wait until it says that it is."""

        def ready() -> bool:
            assert self.lives, f"{self.name} ended with {self.child.code}: {self.log_end()}"
            return self.is_ready

        until(ready, lambda: f"{self.name} is ready: {self.log_end()}", limit)
        return self

    # -- the hooks of a conformance build

    def at_points(self, **wishes: str) -> None:
        """`crash_at`, `fail_at`, `pause_at`: what happens at labelled points from now on; what is not said is off."""
        self._hook("faults", wishes)

    def at_handler(self, **wish: Any) -> None:
        """`handler`, `value`, `fail_next`, `permanent`, `slow_ms`: what happens in handlers from now on."""
        self._hook("handler", wish)

    def _hook(self, name: str, content: Mapping[str, Any]) -> None:
        reply = fetch("POST", f"{self.admin}/conformance/{name}", dict(content))
        assert reply is not None and reply.status == 204, (self.name, name, reply)

    # -- signals

    def send(self, number: signal.Signals) -> None:
        """Any signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self.lives:
            self.send(signal.SIGKILL)
        self.await_end()

    def await_end(self, limit: float = 60) -> int:
        """Wait for the end, however it comes; the exit code, negative for a signal."""
        until(self.child.exited.is_set, lambda: f"{self.name} ends: {self.log_end()}", limit)
        assert self.child.code is not None
        return self.child.code

    def await_crash(self, limit: float = 60) -> None:
        """Wait until it has killed itself at the point that was set."""
        code = self.await_end(limit)
        assert code == -signal.SIGKILL, f"{self.name} ended with {code}: {self.log_end()}"

    def stop(self) -> None:
        """SIGCONT for one that was stopped, then SIGTERM."""
        if self.lives:
            self.send(signal.SIGCONT)
        self.child.end()

    # -- looks from outside

    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def log_end(self, lines: int = 20) -> str:
        """What it said last."""
        return log_end(self.launch.log, lines)

    @property
    def log(self) -> Path:
        return self.launch.log
