"""What happens at the labelled points of the chassis: count the passage, then perhaps die, fail or wait."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field


class PointFailed(Exception):
    """Raised at a point because a test asked for it."""


@dataclass
class Rule:
    """Which passages of which point are meant: the `nth` that fits, or all where it is 0."""

    label: str
    detail: str = ""
    nth: int = 1
    millis: int = 0
    passed: int = field(default=0, init=False)

    def meets(self, label: str, detail: str) -> bool:
        """Count the passage if it fits; whether it is one that is meant."""
        if label != self.label or (self.detail and detail != self.detail):
            return False
        self.passed += 1
        return self.nth in (0, self.passed)


def read_rule(text: str, *, timed: bool = False) -> Rule | None:
    """`label[@detail][:n]`, or `label[@detail]:ms[:n]` where it says how long; an empty text says none.

    Raises:
        ValueError: the text is none of these.
    """
    if not text:
        return None
    place, *numbers = text.split(":")
    label, _, detail = place.partition("@")
    given = [int(number) for number in numbers]
    if len(given) > 1 + timed or (timed and not given):
        raise ValueError(f"{text!r} is no rule")
    if timed:
        return Rule(label, detail, given[1] if len(given) > 1 else 0, given[0])
    return Rule(label, detail, given[0] if given else 1)


class Points:
    """The hook for `chassis.faults`. `crash`, `fail` and `pause` may be set at any time, from any thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.crash = read_rule(environ.get("FLEET_CRASH_AT", ""))
        self.fail = read_rule(environ.get("FLEET_FAIL_AT", ""))
        self.pause = read_rule(environ.get("FLEET_PAUSE_AT", ""), timed=True)
        self._guard = threading.Lock()
        file = environ.get("FLEET_PASSAGES_FILE")
        self._log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if file else None

    def set(self, wishes: Mapping[str, str]) -> None:
        """Take over `crash_at`, `fail_at`, `pause_at`; what is not said is off."""
        rules = [read_rule(wishes.get(name, "")) for name in ("crash_at", "fail_at")]
        pause = read_rule(wishes.get("pause_at", ""), timed=True)
        with self._guard:
            self.crash, self.fail, self.pause = *rules, pause

    def __call__(self, label: str, detail: str) -> None:
        """A thread passes a point."""
        if self._log is not None:  # one write of one line: whole, whoever else writes, and kept when we die below
            os.write(self._log, f"{label} {detail}\n".encode())
        with self._guard:
            dies, fails, waits = (
                rule is not None and rule.meets(label, detail) for rule in (self.crash, self.fail, self.pause)
            )
            millis = self.pause.millis if self.pause else 0
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if waits:
            time.sleep(millis / 1000)
        if fails:
            raise PointFailed(f"{label} {detail}")
