"""The error budget of an availability target. Times are seconds."""

from __future__ import annotations


def error_budget(availability: float, window: float) -> float:
    """F8: how long a service may be down in the window."""
    return (1 - availability) * window


def incidents_allowed(budget: float, mttr: float) -> float:
    """F9: how many outages of that length the budget pays for."""
    return budget / mttr
