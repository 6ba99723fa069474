"""How long a request may take, and how much of that a callee is told; milliseconds. Pure."""

from __future__ import annotations

import re

WAY_BACK = 50
"""Kept from a callee, so that its answer is back in time."""
_NUMBER = re.compile(r"-?[0-9]{1,18}")


def budget(given: str, usual: int) -> int:
    """How long a request may take that names its deadline: at most the usual time, 0 when it has passed already.

    Raises:
        ValueError: it is not a whole number.
    """
    if _NUMBER.fullmatch(given) is None:
        raise ValueError(given)
    return max(0, min(int(given), usual))


def is_expired(expires: int | None, now: int) -> bool:
    """Whether a command comes after the moment until which it was wanted."""
    return expires is not None and now > expires


def told(remaining: int) -> int | None:
    """What a callee is told when so much is left; `None`: too little to ask at all."""
    return remaining - WAY_BACK if remaining > WAY_BACK else None
