"""The worked figures of the formulas."""

from __future__ import annotations

import pytest

from fleetgen.analysis.availability import needed_for, own_share, serial
from fleetgen.analysis.budget import error_budget, incidents_allowed
from fleetgen.analysis.capacity import let_through, protecting
from fleetgen.analysis.figures import duration, magnitude, number, percent
from fleetgen.analysis.timeouts import longest_wait, pauses
from fleetgen.model.fleet import Platform

MINUTE, DAY = 60.0, 86400.0


def test_three_in_series_at_four_nines():
    reached = serial(0.9999, [0.9999, 0.9999])
    assert percent(reached) == "99.97 %"
    assert error_budget(reached, 30 * DAY) == pytest.approx(12.96 * MINUTE, rel=1e-3)


def test_nothing_needed_leaves_the_own_availability():
    assert serial(0.995, []) == 0.995


@pytest.mark.parametrize(
    ("availability", "days", "minutes"), [(0.9999, 30, 4.32), (0.9999, 365, 52.56), (0.999, 30, 43.2)]
)
def test_error_budget(availability, days, minutes):
    assert error_budget(availability, days * DAY) == pytest.approx(minutes * MINUTE)


def test_a_repair_of_fifteen_minutes_fits_one_incident_in_three_and_a_half_months():
    allowed = incidents_allowed(error_budget(0.9999, 30 * DAY), 15 * MINUTE)
    assert allowed == pytest.approx(0.288)
    assert 1 / allowed == pytest.approx(3.47, abs=0.01)


def test_half_of_the_allowed_downtime_is_shared_by_what_is_needed():
    assert percent(needed_for(0.9999, 3)) == "99.99833 %"
    assert own_share(0.9999) == pytest.approx(0.99995)
    assert serial(own_share(0.9999), [needed_for(0.9999, 3)] * 3) >= 0.9999


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.9999, "99.99 %"),
        (0.9995, "99.95 %"),
        (1.0, "100 %"),
        (0.01, "1 %"),
        (0.99985000499, "99.985 %"),
        (0.9999999, "99.99999 %"),
        (0.5, "50 %"),
        (0.0, "0 %"),
    ],
)
def test_shares_are_percents(value, said):
    assert percent(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (259.2, "4.32 min"),
        (30 * DAY, "30 d"),
        (0.1, "100 ms"),
        (300, "5 min"),
        (3600, "1 h"),
        (0, "0 ms"),
        (90, "1.5 min"),
    ],
)
def test_times_have_the_largest_unit_that_fits(value, said):
    assert duration(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(0.288, "0.288"), (1000, "1000"), (123456, "123000"), (2.0, "2"), (0, "0")]
)
def test_numbers_have_three_digits(value, said):
    assert number(value) == said


def test_fifty_thousand_users_at_a_thousand_a_minute():
    assert magnitude(let_through(50_000, 1000)) == "833 k"
    assert protecting(50_000, 800) == pytest.approx(0.96)


@pytest.mark.parametrize(("growth", "seconds"), [("exponential", 15.3), ("linear", 15.3), ("constant", 15.2)])
def test_three_tries_of_five_seconds(growth, seconds):
    platform = Platform(name="platform", extra={"retries": {"backoff": growth}})
    assert longest_wait(platform, 5) == pytest.approx(seconds)


def test_pauses_grow_as_they_are_told():
    assert [round(pauses(5, growth), 3) for growth in ("exponential", "linear", "constant")] == [1.5, 1.0, 0.4]
    assert pauses(1, "exponential") == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [(800, "800"), (1041.7, "1042"), (9999, "9999"), (10_000, "10 k"), (833_333, "833 k"), (12_345_678, "12.3 M")],
)
def test_large_numbers_have_a_unit(value, said):
    assert magnitude(value) == said
