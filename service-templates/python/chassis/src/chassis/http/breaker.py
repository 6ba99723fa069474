"""A circuit breaker: after some failures in a row a callee is left alone for a while, each time for longer."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

OPEN_MOST = 300.0
SUCCESSES_TO_CLOSE = 2


@dataclass(frozen=True, slots=True)
class State:
    """Where a breaker stands. `openings` counts those in a row; `probing` is set while the one probe is under way."""

    name: Literal["closed", "open", "half-open"] = "closed"
    failures: int = 0
    openings: int = 0
    successes: int = 0
    until: float = 0.0
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """Failures in a row that open it, and seconds it stays open the first time; twice as long each further time."""

    failures: int
    open_seconds: float

    def admit(self, state: State, now: float) -> tuple[State, bool]:
        """Whether a call may go out now, and the state that follows."""
        if state.name == "closed":
            return state, True
        if state.name == "open" and now < state.until:
            return state, False
        if state.probing:
            return state, False
        return replace(state, name="half-open", probing=True), True

    def after(self, state: State, succeeded: bool, now: float, spread: float = 1.0) -> State:
        """The state after a call; `spread` is a random factor about 1 that keeps callers out of step."""
        if state.name == "open" or (state.name == "half-open" and not state.probing):
            return state  # a call from before it opened says nothing about now
        if succeeded:
            if state.name == "closed" or state.successes + 1 >= SUCCESSES_TO_CLOSE:
                return State()
            return replace(state, successes=state.successes + 1, probing=False)
        if state.name == "closed" and state.failures + 1 < self.failures:
            return replace(state, failures=state.failures + 1)
        openings = state.openings + 1
        seconds = min(OPEN_MOST, self.open_seconds * 2 ** (openings - 1)) * spread
        return State("open", openings=openings, until=now + seconds)


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
            self.state, admitted = self._rules.admit(self.state, self._monotonic())
        return admitted

    def note(self, succeeded: bool) -> None:
        """What became of the call."""
        with self._lock:
            spread = random.uniform(0.9, 1.1)
            self.state = self._rules.after(self.state, succeeded, self._monotonic(), spread)
