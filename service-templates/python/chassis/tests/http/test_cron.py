from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chassis.cron import Cron


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "moment", "following"),
    [
        ("* * * * *", "2026-01-01T00:00:00", "2026-01-01T00:01:00"),
        ("* * * * *", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("*/15 * * * *", "2026-01-01T00:16:00", "2026-01-01T00:30:00"),
        ("5/20 * * * *", "2026-01-01T00:26:00", "2026-01-01T00:45:00"),
        ("0 2 * * *", "2026-01-01T02:00:00", "2026-01-02T02:00:00"),
        ("0 9-17/4 * * *", "2026-01-01T09:00:00", "2026-01-01T13:00:00"),
        ("30 8,20 * * *", "2026-01-01T08:30:00", "2026-01-01T20:30:00"),
        ("0 0 1 jan *", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
        ("0 0 * * mon-fri", "2026-01-02T00:00:00", "2026-01-05T00:00:00"),
        ("0 0 * * 7", "2026-01-02T00:00:00", "2026-01-04T00:00:00"),
        ("0 0 13 * 5", "2026-01-02T00:00:00", "2026-01-09T00:00:00"),  # Friday, or the 13th
        ("0 0 13 * fri", "2026-01-09T00:00:00", "2026-01-13T00:00:00"),
        ("0 0 31 * *", "2026-01-31T00:00:00", "2026-03-31T00:00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("@daily", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("@hourly", "2026-01-01T00:59:00", "2026-01-01T01:00:00"),
    ],
)
def test_next(expression: str, moment: str, following: str) -> None:
    assert Cron.parse(expression).next_after(at(moment)) == at(following)


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
     "5-1 * * * *", "a * * * *", "1,,2 * * * *", "*/ * * * *", "-1 * * * *", "1- * * * *"],
)  # fmt: skip
def test_faulty_expression(expression: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        Cron.parse(expression)


def test_date_that_never_comes() -> None:
    with pytest.raises(ValueError, match="fits no date"):
        Cron.parse("0 0 31 2 *").next_after(at("2026-01-01T00:00:00"))


def test_other_time_zones_are_understood() -> None:
    moment = datetime(2026, 7, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert Cron.parse("0 0 * * *").next_after(moment) == at("2026-07-01T00:00:00")


@given(
    some.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),
    some.sampled_from(["*/7 * * * *", "13 */5 * * *", "0 0 1,15 * mon", "59 23 * feb sun", "10-20/3 6-8 * */2 *"]),
)
def test_next_is_the_first_that_fits(moment: datetime, expression: str) -> None:
    """Against the definition: no minute between the two fits, and the found one does."""
    cron = Cron.parse(expression)
    start = moment.replace(tzinfo=UTC)
    found = cron.next_after(start)
    assert start < found
    assert (found.second, found.microsecond) == (0, 0)
    assert _fits(cron, found)
    probe = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(500):
        if probe >= found:
            break
        assert not _fits(cron, probe)
        probe += timedelta(minutes=1)


def _fits(cron: Cron, time: datetime) -> bool:
    day, weekday = time.day in cron.days, (time.weekday() + 1) % 7 in cron.weekdays
    fits_day = day or weekday if cron.either_day else day and weekday
    return time.minute in cron.minutes and time.hour in cron.hours and time.month in cron.months and fits_day
