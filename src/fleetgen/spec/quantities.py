"""Quantities as a person writes them: the reverse of `grammar.units`."""

from __future__ import annotations

from decimal import Decimal

_DURATIONS = (("y", 31536000), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_SIZES = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_RATES = (("s", 1), ("min", 60), ("h", 3600), ("d", 86400))


def duration_text(seconds: float) -> str:
    """`300.0` -> `5m`."""
    exact = Decimal(str(seconds))
    for unit, length in _DURATIONS:
        if exact and exact % length == 0:
            return f"{exact // length:f}{unit}".replace(".0", "")
    return f"{_plain(exact * 1000)}ms" if exact else "0s"


def size_text(count: int) -> str:
    """`1000` -> `1kB`."""
    unit, length = next(((unit, length) for unit, length in _SIZES if count and count % length == 0), ("B", 1))
    return f"{count // length}{unit}"


def rate_text(per_second: float) -> str:
    """`800.0` -> `800/s`."""
    for unit, seconds in _RATES:
        number = per_second * seconds
        if abs(number - round(number)) < 1e-6:
            return f"{round(number)}/{unit}"
    return f"{round(per_second * 86400)}/d"


def share_text(part: float) -> str:
    """`0.9995` -> `99.95%`."""
    return f"{_plain(Decimal(str(part)) * 100)}%"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
