"""Whether the process is started and ready, as the platform asks it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

OLDEST_MOST = 300.0  # seconds; an outbox that stands still longer than this needs help
CHECKED_FOR = 1.0  # seconds for which one look at the database answers all questions after readiness


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
