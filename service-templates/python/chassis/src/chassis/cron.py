"""Cron expressions of five fields, in UTC: minute, hour, day of month, month, day of week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
HORIZON_YEARS = 29  # 29 February on a given weekday comes back after 28 years


@dataclass(frozen=True, slots=True)
class Cron:
    """When to run. A day fits if day of month *or* day of week fits when both are restricted, as cron has it."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read an expression; `ValueError` says which part is wrong."""
        parts = SHORTHANDS.get(text.strip().lower(), text).split()
        if len(parts) != 5:
            raise ValueError(f"cron {text!r}: five fields are wanted, not {len(parts)}")
        minute, hour, day, month, weekday = (part.lower() for part in parts)
        weekdays = _field(weekday, 0, 7, DAYS, 0)
        return cls(
            minutes=_field(minute, 0, 59),
            hours=_field(hour, 0, 23),
            days=_field(day, 1, 31),
            months=_field(month, 1, 12, MONTHS, 1),
            weekdays=frozenset(value % 7 for value in weekdays),
            either_day=not day.startswith("*") and not weekday.startswith("*"),
        )

    def next_after(self, moment: datetime) -> datetime:
        """The first fitting minute behind `moment`; `ValueError` if none ever comes (31 February)."""
        time = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        last_year = time.year + HORIZON_YEARS
        while time.year <= last_year:
            if time.month not in self.months:
                time = (time.replace(day=1, hour=0, minute=0) + timedelta(days=32)).replace(day=1)
            elif not self._fits_day(time):
                time = time.replace(hour=0, minute=0) + timedelta(days=1)
            elif time.hour not in self.hours:
                time = time.replace(minute=0) + timedelta(hours=1)
            elif time.minute not in self.minutes:
                time += timedelta(minutes=1)
            else:
                return time
        raise ValueError("this cron expression fits no date")

    def _fits_day(self, time: datetime) -> bool:
        by_month, by_week = time.day in self.days, time.isoweekday() % 7 in self.weekdays
        return (by_month or by_week) if self.either_day else (by_month and by_week)


def _field(text: str, low: int, high: int, names: tuple[str, ...] = (), first: int = 0) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        begin, dash, end = span.partition("-")
        start = low if begin == "*" else _number(begin, names, first)
        open_end = high if begin == "*" or step else start
        stop = _number(end, names, first) if dash else open_end
        width = int(step) if step.isdecimal() else 1 if not step and "/" not in part else 0
        if not (low <= start <= stop <= high) or width < 1:
            raise ValueError(f"cron field {part!r}: wanted values from {low} to {high}")
        values.update(range(start, stop + 1, width))
    return frozenset(values)


def _number(text: str, names: tuple[str, ...], first: int) -> int:
    if text in names:
        return names.index(text) + first
    return int(text) if text.isdecimal() else -1
