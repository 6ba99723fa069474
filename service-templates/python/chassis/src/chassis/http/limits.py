"""How much a service takes on: calls a minute for one user, and requests that may wait for a thread."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from chassis.http.problem import Problem

SUBJECTS_MOST = 10_000


class RateLimiter:
    """A token bucket a subject. It fills at `per_minute` and holds as much; 0 limits nothing."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens and when they were counted
        self._lock = threading.Lock()

    def admit(self, subject: str) -> None:
        """Take one token, or raise a 429 problem that says when to come back."""
        if self._per_minute <= 0:
            return
        rate, now = self._per_minute / 60, self._monotonic()
        with self._lock:
            tokens, counted = self._buckets.pop(subject, (float(self._per_minute), now))
            tokens = min(self._per_minute, tokens + (now - counted) * rate)
            admitted = tokens >= 1
            self._buckets[subject] = (tokens - 1 if admitted else tokens, now)
            while len(self._buckets) > SUBJECTS_MOST:
                self._buckets.popitem(last=False)
        if not admitted:
            wait = max(1, round((1 - tokens) / rate))
            headers = {
                "retry-after": str(wait),
                "ratelimit-limit": str(self._per_minute),
                "ratelimit-remaining": "0",
                "ratelimit-reset": str(wait),
            }
            raise Problem(
                429, "rate-limit", "Too many requests", f"at most {self._per_minute} a minute", headers=headers
            )
