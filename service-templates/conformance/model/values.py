"""The vocabulary of all cores: JSON values, effects, and draws whose chance is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = Any
Given = dict[str, Any]
"""One member: the kind of the input and its fields."""
Effects = list[dict[str, Any]]
Core = Callable[[Json, Json, Given, int], tuple[Json, Effects]]
"""`(config, state, given, now)` gives the next state, `None` for a core that keeps none, and the effects."""

CHANCES = 65536


class Unknown(ValueError):
    """An input that the core does not have."""


def kind_of(given: Given) -> tuple[str, Json]:
    """The kind of an input and its fields."""
    ((kind, fields),) = given.items()
    return kind, fields


def drawn(low: int, high: int, chance: int) -> int:
    """A whole number from `low` to `high`, both included; `chance` from 0 to 65535 decides."""
    return low + chance * (high - low + 1) // CHANCES


def ceiling(attempt: int, base: int, cap: int) -> int:
    """Milliseconds: doubles with each attempt (from 1), up to the cap."""
    most = base
    for _ in range(attempt - 1):
        if most >= cap:
            break
        most *= 2
    return min(most, cap)


def equal_jitter(attempt: int, base: int, cap: int, chance: int) -> int:
    """Half of the ceiling for certain, the rest by chance."""
    most = ceiling(attempt, base, cap)
    certain = most // 2
    return certain + drawn(0, most - certain, chance)


def full_jitter(attempt: int, base: int, cap: int, chance: int) -> int:
    """All of the ceiling by chance."""
    return drawn(0, ceiling(attempt, base, cap), chance)
