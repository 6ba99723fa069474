"""Waiting for conditions, never for seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
LOOK = 0.05


def until(condition: Callable[[], T], what: str | Callable[[], str], limit: float = PATIENCE) -> T:
    """The first true answer of `condition`; an `AssertionError` with `what` when there is none in time."""
    end = time.monotonic() + limit
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:.0f} s: {what() if callable(what) else what}")
        threading.Event().wait(LOOK)
    return found
