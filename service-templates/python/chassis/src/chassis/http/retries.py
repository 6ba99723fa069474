"""Which failed calls are tried again, and when: never past the deadline, and never more than a tenth of all calls."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from chassis.backoff import Choose, full_jitter

BASE_MS, CAP_MS = 50, 2_000
TENTHS, SAVED_MOST = 10, 100  # of a try: whole numbers, since sums of a tenth are not exact


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens for further tries: every call brings a tenth of one, and some are saved for quiet times. Pure."""

    tenths: int = SAVED_MOST

    def after_call(self) -> Budget:
        """A first try was made."""
        return replace(self, tenths=min(SAVED_MOST, self.tenths + 1))

    def spend(self) -> Budget | None:
        """One further try; `None` when there is nothing left for it."""
        return replace(self, tenths=self.tenths - TENTHS) if self.tenths >= TENTHS else None


def wait_before(tried: int, attempts: int, remaining_ms: float, choose: Choose) -> int | None:
    """Milliseconds to wait before the next try after `tried`; `None` when there is none, or no time for it."""
    if tried >= attempts:
        return None
    delay = full_jitter(tried, BASE_MS, CAP_MS, choose)
    return delay if delay < remaining_ms else None


class SharedBudget:
    """A budget for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.state = Budget()

    def note_call(self) -> None:
        """A first try was made."""
        with self._lock:
            self.state = self.state.after_call()

    def take(self) -> bool:
        """Whether a further try may be made."""
        with self._lock:
            left = self.state.spend()
            self.state = left or self.state
        return left is not None
