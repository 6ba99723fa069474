"""How long a caller may have to wait for an answer that is tried several times. Times are seconds."""

from __future__ import annotations

from fleetgen.model.fleet import Platform

FIRST_PAUSE = 0.1  # before the second try


def pauses(tries: int, growth: str) -> float:
    """All pauses between so many tries: doubling, growing by the first one, or all alike."""
    between = range(tries - 1)
    if growth == "exponential":
        return FIRST_PAUSE * sum(2.0**place for place in between)
    if growth == "linear":
        return FIRST_PAUSE * sum(place + 1 for place in between)
    return FIRST_PAUSE * len(between)


def longest_wait(platform: Platform, timeout: float) -> float:
    """F13: every try up to its timeout, and the pauses between them."""
    tries = platform.retry_attempts
    growth = str(platform.extra.get("retries", {}).get("backoff", "exponential"))
    return tries * timeout + pauses(tries, growth)
