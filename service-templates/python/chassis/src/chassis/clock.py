"""The clock of this machine: for stamps and identifiers. What must be in time asks the database."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> datetime:
    """The moment, in UTC."""
    return datetime.fromtimestamp(nanoseconds() / 1_000_000_000, UTC)


def nanoseconds() -> int:
    """Nanoseconds since 1970, the one place where this machine's clock is read."""
    return time.time_ns()
