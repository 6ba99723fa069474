"""Figures as a person reads them: shares in percent, times in the largest fitting unit."""

from __future__ import annotations

_UNITS = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))

_MAGNITUDES = (("M", 1e6), ("k", 1e3))


def number(value: float, digits: int = 3) -> str:
    """At most so many significant digits, never in powers of ten, no zeros at the end."""
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = f"{float(text):.12f}" if abs(value) < 1 else f"{float(text):.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def magnitude(value: float) -> str:
    """`833333` -> `833 k`; up to ten thousand as it is."""
    for unit, size in _MAGNITUDES:
        if value >= 10 * size:
            return f"{number(value / size)} {unit}"
    return number(value, 4)


def count(amount: int, noun: str) -> str:
    """`1 team`, `2 teams`."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def percent(share: float) -> str:
    """`0.9995` -> `99.95 %`. Near one, what is missing to it has three digits: 99.985 is not 99.99."""
    if share <= 0.5:
        return f"{number(share * 100)} %"
    missing = float(f"{(1 - share) * 100:.3g}")
    return f"{number(100 - missing, 12)} %"


def duration(seconds: float) -> str:
    """`259.2` -> `4.32 min`."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds * 1000)} ms"
