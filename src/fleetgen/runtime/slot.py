"""The place of one process in a running fleet: what is started there, and how it fares."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fleetgen.runtime.process import Child, Launch
from fleetgen.runtime.state import ProcessState, Role

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
GOOD_LIFE = 60.0  # seconds after which an earlier crash is forgotten


@dataclass
class Slot:
    """One process by name, over all its lives."""

    name: str
    role: Role
    launch: Callable[[], Launch]
    ports: dict[str, int]
    child: Child | None = None
    ready: bool = False
    restarts: int = 0
    failures: int = 0  # crashes in a row
    due: float | None = None  # when to start it again, by the monotonic clock
    next_look: float = field(default=0.0)

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self.child is not None and not self.child.exited.is_set()

    def crashed(self) -> float:
        """Note a crash; returns the pause before the next start, which doubles."""
        lived = time.monotonic() - self.child.begun if self.child else 0.0
        self.failures = 1 if lived > GOOD_LIFE else self.failures + 1
        self.restarts += 1
        self.ready = False
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self.failures - 1))
        self.due = time.monotonic() + pause
        return pause

    def state(self) -> ProcessState | None:
        """For the state on disk: what runs, or ended by itself and waits for its next start; None before the first."""
        if self.child is None:
            return None
        return ProcessState(
            name=self.name,
            role=self.role,
            identity=self.child.identity,
            polite=self.child.launch.polite.name,
            ports=self.ports,
            restarts=self.restarts,
            ready=self.ready and self.runs,
        )
