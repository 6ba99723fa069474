"""Load shedding: when requests wait too long for a thread for too long a time, some are refused at once (CoDel).

A short burst may wait. Only when every request of a whole interval had to wait longer than the target is the queue a
standing one; then one is refused, and the next ones the sooner the longer that lasts, until the wait is short again.
Source: Nichols and Jacobson, Controlling Queue Delay, 2012.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

TARGET, INTERVAL = 0.020, 0.100  # seconds
RECENT = 16 * INTERVAL
URGENT, USUAL = 1, 3  # urgencies as in RFC 9218, 0 to 7: those up to the first are not shed


@dataclass(frozen=True, slots=True)
class Queue:
    """What is known of the queue: since when the wait is too long, and when the next request is refused."""

    above_since: float | None = None
    dropping: bool = False
    dropped: int = 0
    drop_at: float = 0.0

    def after(self, delay: float, now: float) -> tuple[Queue, bool]:
        """A request comes out of the queue after `delay` seconds: the queue as it is then, and whether to refuse it."""
        if delay < TARGET:
            return Queue(dropped=self.dropped, drop_at=self.drop_at), False
        standing = replace(self, above_since=now if self.above_since is None else self.above_since)
        if self.dropping:
            return standing._refused(now) if now >= self.drop_at else (standing, False)
        if standing.above_since is None or now - standing.above_since < INTERVAL:
            return standing, False
        before = self.dropped - 2 if self.dropped > 2 and now - self.drop_at < RECENT else 0
        return replace(standing, dropping=True, dropped=before)._refused(now)

    def _refused(self, now: float) -> tuple[Queue, bool]:
        count = self.dropped + 1
        return replace(self, dropped=count, drop_at=now + INTERVAL / math.sqrt(count)), True


class Shedder:
    """The queue of one service, for all threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.queue = Queue()

    def sheds(self, queued_at: float, urgency: int) -> bool:
        """Whether a request that waited since then is to be refused."""
        now = self._clock()
        with self._lock:
            self.queue, refused = self.queue.after(now - queued_at, now)
        return refused and urgency > URGENT


def urgency_of(priority: str, trusted: bool) -> int:
    """The urgency of a header such as `u=1`. Who is not trusted may say that something can wait, not that it cannot."""
    for part in priority.split(","):
        name, _, value = part.strip().partition("=")
        if name == "u" and len(value) == 1 and value in "01234567":
            return int(value) if trusted else max(USUAL, int(value))
    return USUAL
