from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.domain import InvariantViolated
from chassis.http.errors import problem_of
from chassis.values import NO_MONEY, MixedCurrencies, Money, total

amounts = st.integers(-(10**12), 10**12)


@given(amounts, amounts, st.integers(-1000, 1000))
def test_money_calculates_in_minor_units(a: int, b: int, factor: int) -> None:
    left, right = Money(a, "EUR"), Money(b, "EUR")
    assert left + right == Money(a + b, "EUR")
    assert left - right == Money(a - b, "EUR")
    assert factor * left == left * factor == Money(a * factor, "EUR")
    assert (left < right, left <= right, left == right) == (a < b, a <= b, a == b)


def test_currencies_never_mix() -> None:
    euro, dollar = Money(1, "EUR"), Money(1, "USD")
    assert euro != dollar
    for operation in (lambda: euro + dollar, lambda: euro - dollar, lambda: euro < dollar, lambda: euro >= dollar):
        with pytest.raises(ValueError, match="EUR and USD do not mix"):
            operation()


def test_money_is_not_multiplied_by_what_is_not_whole() -> None:
    with pytest.raises(TypeError):
        Money(1, "EUR") * 1.5  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(1, "EUR") * Decimal("1.5")  # type: ignore[operator]


def test_sum_of_no_money_is_any_zero() -> None:
    assert total([]) == Money(0, "EUR") == NO_MONEY
    assert total([]) != Money(1, "EUR")
    assert hash(total([])) == hash(Money(0, "USD"))
    assert (total([]) + Money(5, "EUR")).currency == "EUR"
    assert total([]) < Money(1, "EUR")


def test_totals() -> None:
    assert total([Money(1, "EUR"), Money(2, "EUR")]) == Money(3, "EUR")
    assert total(iter([2, 3]), 0) == 5
    assert total([], 0) == 0
    assert total([Decimal("1.10"), Decimal("2.20")], Decimal(0)) == Decimal("3.30")


def test_mixed_currencies_are_the_callers_fault_not_a_crash() -> None:
    with pytest.raises(InvariantViolated, match="EUR and USD do not mix"):
        _ = Money(1, "EUR") + Money(1, "USD")
    found = problem_of(MixedCurrencies("EUR and USD do not mix"))
    assert (found.status, found.detail) == (409, "EUR and USD do not mix")
