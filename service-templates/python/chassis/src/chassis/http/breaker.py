"""A circuit breaker: after some failures in a row a callee is left alone for a while, each time for longer."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

OPEN_MOST = 300_000  # milliseconds
SUCCESSES_TO_CLOSE = 2


@dataclass(frozen=True, slots=True)
class State:
    """Where a breaker stands. `openings` counts those in a row; `probing` is set while the one probe is under way."""

    name: Literal["closed", "open", "half-open"] = "closed"
    failures: int = 0
    openings: int = 0
    successes: int = 0
    until: int = 0  # milliseconds
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """Failures in a row that open it, and milliseconds it stays open the first time; twice as long each further time.

    `now` is in milliseconds, as all moments here.
    """

    failures: int
    open_ms: int

    def admit(self, state: State, now: int) -> tuple[State, bool]:
        """Whether a call may go out now, and the state that follows."""
        if state.name == "closed":
            return state, True
        if state.name == "open" and now < state.until:
            return state, False
        if state.probing:
            return state, False
        return replace(state, name="half-open", probing=True), True

    def after(self, state: State, succeeded: bool, now: int, spread: int = 1000) -> State:
        """The state after a call; `spread`, about 1000, is by chance and keeps callers out of step."""
        if state.name == "open" or (state.name == "half-open" and not state.probing):
            return state  # a call from before it opened says nothing about now
        if succeeded:
            if state.name == "closed" or state.successes + 1 >= SUCCESSES_TO_CLOSE:
                return State()
            return replace(state, successes=state.successes + 1, probing=False)
        if state.name == "closed" and state.failures + 1 < self.failures:
            return replace(state, failures=state.failures + 1)
        openings = state.openings + 1
        rest = min(OPEN_MOST, self.open_ms << min(openings - 1, 32)) * spread // 1000
        return State("open", openings=openings, until=now + rest)


class Breaker:
    """A breaker for one callee, for all threads."""

    def __init__(self, rules: Rules, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self.state = State()

    def admits(self) -> bool:
        """Whether a call may go out; each that may must be followed by `note`."""
        with self._lock:
            self.state, admitted = self._rules.admit(self.state, self._now())
        return admitted

    def note(self, succeeded: bool) -> None:
        """What became of the call."""
        with self._lock:
            self.state = self._rules.after(self.state, succeeded, self._now(), random.randint(900, 1100))

    def _now(self) -> int:
        return int(self._monotonic() * 1000)
