"""What a rate limit lets through. Rates are requests a second, limits requests a minute for each user."""

from __future__ import annotations


def let_through(users: int, limit: float) -> float:
    """F19: what reaches the fleet when every user spends the whole limit."""
    return users * limit / 60


def protecting(users: int, peak: float) -> float:
    """The limit under which all users together stay at the peak."""
    return peak * 60 / users
