"""How much a service takes on: calls a minute for one user, and requests that may wait for a thread."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from chassis.http.problem import Problem

SUBJECTS_MOST = 10_000


TOKEN = 60_000
"""Units of a token: a limit of so many a minute brings as many units a millisecond, in whole numbers."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one subject may still do: units, as they were counted at a moment in milliseconds. Pure."""

    units: int
    counted: int

    @classmethod
    def full(cls, per_minute: int, now: int) -> Bucket:
        """The bucket of a subject that was not seen before."""
        return cls(per_minute * TOKEN, now)

    def take(self, per_minute: int, now: int) -> tuple[Bucket, int]:
        """Take a token: the bucket after that, and 0 or, when there is none, after how many seconds there will be."""
        now = max(now, self.counted)
        units = min(per_minute * TOKEN, self.units + (now - self.counted) * per_minute)
        if units >= TOKEN:
            return Bucket(units - TOKEN, now), 0
        return Bucket(units, now), -((units - TOKEN) // (per_minute * 1000))


class RateLimiter:
    """A bucket a subject. It fills at `per_minute` and holds as much; 0 limits nothing."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, subject: str) -> None:
        """Take one token, or raise a 429 problem that says when to come back."""
        if self._per_minute <= 0:
            return
        now = int(self._monotonic() * 1000)
        with self._lock:
            known = self._buckets.pop(subject, None) or Bucket.full(self._per_minute, now)
            self._buckets[subject], wait = known.take(self._per_minute, now)
            while len(self._buckets) > SUBJECTS_MOST:
                self._buckets.popitem(last=False)
        if wait:
            headers = {
                "retry-after": str(wait),
                "ratelimit-limit": str(self._per_minute),
                "ratelimit-remaining": "0",
                "ratelimit-reset": str(wait),
            }
            raise Problem(
                429, "rate-limit", "Too many requests", f"at most {self._per_minute} a minute", headers=headers
            )
