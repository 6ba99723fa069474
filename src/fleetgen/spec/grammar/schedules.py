"""Schedules in words, turned into five cron fields in UTC."""

from __future__ import annotations

import re

from fleetgen.spec.grammar.units import Unreadable

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_EVERY = re.compile(
    r"every\s+(?:([0-9]{1,4})\s+)?([a-z]+)(?:\s+on\s+day\s+([0-9]{1,2}))?(?:\s+at\s+([0-9]{1,2}):([0-9]{2}))?", re.ASCII
)
_CRON_FIELD = r"(?:\*|[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*)(?:/[0-9]+)?"
_CRON = re.compile(rf"cron\s+({_CRON_FIELD}(?:\s+{_CRON_FIELD}){{4}})", re.ASCII)
_FORM = (
    "write `every day at 02:00`, `every monday at 06:30`, `every month on day 1`, `every 15 minutes` or "
    "`cron 0 2 * * *`"
)
# word -> (minute, hour, day of month, month, day of week) without a time of day
_DATES = {
    "day": ("*", "*", "*"),
    "weekday": ("*", "*", "1-5"),
    "week": ("*", "*", "1"),
    "month": ("1", "*", "*"),
    "quarter": ("1", "1,4,7,10", "*"),
    "year": ("1", "1", "*"),
    **{day: ("*", "*", str(number)) for number, day in enumerate(_DAYS)},
}
_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def parse_schedule(text: str) -> str:
    """The cron line of a schedule."""
    raw = _CRON.fullmatch(text.strip())
    if raw is not None:
        return _checked(raw.group(1).split(), text)
    found = _EVERY.fullmatch(text.strip())
    if found is None:
        raise Unreadable(f"`{text}` is not a schedule", _FORM)
    count, word, day, hour, minute = found.groups()
    if count is not None or word in ("minute", "hour"):
        if day is not None or (hour is not None):
            raise Unreadable(f"`{text}` names an interval and a time", _FORM)
        return _interval(int(count or "1"), word.removesuffix("s"), text)
    if word not in _DATES:
        raise Unreadable(f"`{word}` is not a time that comes again", _FORM, text.find(word), len(word))
    return _dated(word, day, int(hour or "0"), int(minute or "0"), text)


def _dated(word: str, day: str | None, hour: int, minute: int, text: str) -> str:
    if hour > 23 or minute > 59:
        raise Unreadable(f"`{hour:02}:{minute:02}` is not a time of day", "write hours 00 to 23, minutes 00 to 59")
    month_day, month, week_day = _DATES[word]
    if day is not None:
        if word not in ("month", "quarter", "year"):
            raise Unreadable(f"`{text}`: a {word} has no day {day}", _FORM)
        if not 1 <= int(day) <= 28:
            raise Unreadable(f"day {day} is not in every month", "choose a day from 1 to 28")
        month_day = str(int(day))
    return f"{minute} {hour} {month_day} {month} {week_day}"


def _interval(count: int, unit: str, text: str) -> str:
    most = {"minute": 60, "hour": 24}.get(unit)
    if most is None:
        raise Unreadable(f"`{text}`: only minutes and hours can be counted", _FORM)
    if count < 1 or most % count:
        fit = ", ".join(str(n) for n in range(1, most + 1) if most % n == 0)
        raise Unreadable(f"{count} {unit}s do not fit evenly into {most}", f"choose from {fit}")
    if unit == "minute":
        return "0 * * * *" if count == 60 else ("* * * * *" if count == 1 else f"*/{count} * * * *")
    return "0 0 * * *" if count == 24 else ("0 * * * *" if count == 1 else f"0 */{count} * * *")


def _checked(fields: list[str], text: str) -> str:
    for field, (least, most) in zip(fields, _LIMITS, strict=True):
        values, _, step = field.partition("/")
        numbers = [int(number) for number in re.findall(r"[0-9]+", values)]
        if any(not least <= number <= most for number in numbers) or step == "0":
            raise Unreadable(f"`{field}` is out of bounds in `{text}`", f"write numbers from {least} to {most}")
    return " ".join(fields)
