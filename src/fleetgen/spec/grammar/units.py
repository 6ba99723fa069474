"""Quantities with their units: durations, sizes, rates, shares. Texts in, numbers out; the error says what to write."""

from __future__ import annotations

import re
from decimal import Decimal

_DURATION = {
    unit: Decimal(seconds)
    for unit, seconds in (
        ("ms", "0.001"),
        ("s", "1"),
        ("m", "60"),
        ("h", "3600"),
        ("d", "86400"),
        ("w", "604800"),
        ("y", "31536000"),
    )
}
_SIZE = {
    unit: Decimal(size)
    for unit, size in (
        *(("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12)),
        *(("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30)),
    )
}
_PER = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([A-Za-z%]*)", re.ASCII)
_RATE = re.compile(r"([0-9]{1,15})\s*/\s*([a-z]+)(\s*/\s*user)?", re.ASCII)

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w|y)$"
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)?(B|kB|MB|GB|TB|KiB|MiB|GiB)$"
RATE_PATTERN = r"^[0-9]+/(s|min|h|d)(/user)?$"
SHARE_PATTERN = r"^[0-9]+(\.[0-9]+)?%$"


class Unreadable(ValueError):
    """The text is not of the grammar: `message` says why, `hint` what to write, `start` and `length` where."""

    def __init__(self, message: str, hint: str = "", start: int = 0, length: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.start = start
        self.length = length


def _split(text: str, units: dict[str, Decimal], what: str, example: str) -> tuple[Decimal, str]:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise Unreadable(f"`{text}` is not a {what}", f"write a number and a unit, as `{example}`")
    number, unit = found.groups()
    listed = ", ".join(f"`{name}`" for name in units)
    if not unit:
        raise Unreadable(f"`{text}` has no unit", f"write `{text}{example.lstrip('0123456789')}`, or one of {listed}")
    if unit not in units:
        near = next((name for name in units if name.lower() == unit.lower()), None)
        hint = f"write `{number}{near}`" if near else f"choose from {listed}"
        raise Unreadable(f"`{unit}` is not a unit of a {what}", hint, found.start(2), len(unit))
    return Decimal(number), unit


def duration(text: str) -> float:
    """Seconds: `30s`, `5m`, `7d`, `7y`."""
    number, unit = _split(text, _DURATION, "duration", "30s")
    return float(number * _DURATION[unit])


def size(text: str) -> int:
    """Bytes: `1kB`, `4MiB`."""
    number, unit = _split(text, _SIZE, "size", "1kB")
    return int(number * _SIZE[unit])


def rate(text: str) -> float:
    """Per second: `800/s`, `1000/min/user` (the latter for each user)."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise Unreadable(f"`{text}` is not a rate", "write a number and a time, as `800/s` or `1000/min/user`")
    number, unit, _ = found.groups()
    if unit not in _PER:
        listed = ", ".join(f"`{name}`" for name in _PER)
        raise Unreadable(f"`{unit}` is not a time of a rate", f"choose from {listed}", found.start(2), len(unit))
    return int(number) / _PER[unit]


def share(text: str) -> float:
    """0..1: `99.95%`."""
    found = _QUANTITY.fullmatch(text)
    if found is None or found.group(2) not in ("", "%"):
        raise Unreadable(f"`{text}` is not a share", "write a share as `99.95%`")
    if not found.group(2):
        raise Unreadable(f"`{text}` has no unit", f"write `{text}%`")
    number = Decimal(found.group(1))
    if number > 100:
        raise Unreadable(f"`{text}` is more than everything", "write at most `100%`")
    return float(number / 100)


def whole(text: str, least: int = 0, most: int | None = None) -> int:
    """A whole number within bounds."""
    if not re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        raise Unreadable(f"`{text}` is not a whole number", "write digits only, as `3`")
    number = int(text)
    if number < least:
        raise Unreadable(f"`{text}` is less than {least}", f"write at least `{least}`")
    if most is not None and number > most:
        raise Unreadable(f"`{text}` is more than {most}", f"write at most `{most}`")
    return number


def flag(text: str) -> bool:
    """`true` or `false`."""
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    raise Unreadable(f"`{text}` is not a truth value", "write `true` or `false`")
