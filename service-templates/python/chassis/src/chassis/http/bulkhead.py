"""A bulkhead: so many calls of one callee at a time, so many that wait, and none that waits long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

WAIT_SHARE = 0.25  # of the deadline


class BulkheadFull(Exception):
    """Too many calls at once."""


@dataclass(frozen=True, slots=True)
class Load:
    """Calls under way and calls that wait. Pure."""

    running: int = 0
    waiting: int = 0

    def enter(self, concurrent: int, queued: int) -> tuple[Load, Literal["run", "wait", "refuse"]]:
        """What a new call does."""
        if self.running < concurrent and not self.waiting:
            return replace(self, running=self.running + 1), "run"
        if self.waiting < queued:
            return replace(self, waiting=self.waiting + 1), "wait"
        return self, "refuse"


class Bulkhead:
    """For one callee and all threads."""

    def __init__(self, concurrent: int, queued: int) -> None:
        self._concurrent, self._queued = max(1, concurrent), max(0, queued)
        self._free = threading.Condition()
        self.load = Load()

    @contextmanager
    def place(self, seconds: float) -> Iterator[None]:
        """A place inside, waited for at most a quarter of the seconds that the call may take.

        Raises:
            BulkheadFull: there is none.
        """
        with self._free:
            self.load, verdict = self.load.enter(self._concurrent, self._queued)
            if verdict == "refuse" or (verdict == "wait" and not self._waited(seconds * WAIT_SHARE)):
                raise BulkheadFull
        try:
            yield
        finally:
            with self._free:
                self.load = replace(self.load, running=self.load.running - 1)
                self._free.notify()

    def _waited(self, seconds: float) -> bool:
        free = self._free.wait_for(lambda: self.load.running < self._concurrent, max(0.0, seconds))
        self.load = Load(self.load.running + (1 if free else 0), self.load.waiting - 1)
        return free
