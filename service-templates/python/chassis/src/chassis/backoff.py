"""How long to wait before another try: grows with each, half of it by chance, so that many do not come back at once."""

from __future__ import annotations

import random
from collections.abc import Callable

Choose = Callable[[int, int], int]
"""A whole number between two bounds, both included."""


def full_jitter(attempt: int, base: int, cap: int, choose: Choose = random.randint) -> int:
    """The same for calls that somebody waits for: all of it by chance."""
    return choose(0, min(cap, base << min(attempt - 1, 32)))


def equal_jitter(attempt: int, base: int, cap: int, choose: Choose = random.randint) -> int:
    """Milliseconds to wait after the `attempt`-th failure (from 1)."""
    ceiling = min(cap, base << min(attempt - 1, 32))
    return ceiling // 2 + choose(0, ceiling - ceiling // 2)
