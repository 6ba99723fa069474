from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetgen.model.evaluate import Amount, NotEvaluable, evaluate, holds, plain
from fleetgen.model.types import Binary, FieldPath, Literal_, Not, Size, Sum, Type

INT, MONEY, LINES = Type("int"), Type("money"), Type("list", of=Type("value", "Line"))


def state(name: str, type_: Type = INT) -> FieldPath:
    return FieldPath("state", (name,), type_)


def item(name: str, type_: Type = INT) -> FieldPath:
    return FieldPath("item", (name,), type_)


TOTAL = Binary(
    "=",
    state("total", MONEY),
    Sum(state("lines", LINES), Binary("*", item("quantity"), item("price", MONEY)), MONEY),
)


def euros(cents: int, currency: str = "EUR") -> dict[str, object]:
    return {"amount": cents, "currency": currency}


def test_a_sum_of_money_equals_the_total() -> None:
    lines = [{"quantity": 2, "price": euros(50)}, {"quantity": 1, "price": euros(7)}]
    assert evaluate(TOTAL, {"state": {"total": euros(107), "lines": lines}}) is True
    assert evaluate(TOTAL, {"state": {"total": euros(108), "lines": lines}}) is False


def test_an_empty_sum_fits_any_currency() -> None:
    assert evaluate(TOTAL, {"state": {"total": euros(0, "CHF"), "lines": []}}) is True


def test_two_currencies_cannot_be_compared_and_so_break_nothing() -> None:
    lines = [{"quantity": 1, "price": euros(5, "CHF")}]
    scopes = {"state": {"total": euros(5), "lines": lines}}
    with pytest.raises(NotEvaluable):
        evaluate(TOTAL, scopes)
    assert holds(TOTAL, scopes)


def test_an_absent_optional_breaks_nothing_but_is_no_truth() -> None:
    condition = Binary(">", FieldPath("input", ("score",), Type("optional", of=INT)), Literal_(3))
    assert holds(condition, {"input": {"score": None}})
    with pytest.raises(NotEvaluable):
        evaluate(condition, {"input": {"score": None}})


@pytest.mark.parametrize(
    ("operator", "expected"), [("<", True), ("<=", True), (">", False), (">=", False), ("=", False), ("!=", True)]
)
def test_comparisons(operator: str, expected: bool) -> None:
    assert evaluate(Binary(operator, Literal_(1), Literal_(2)), {}) is expected  # type: ignore[arg-type]


def test_logic_size_and_negation() -> None:
    full = Binary("=", Size(state("lines", LINES)), Literal_(2))
    assert evaluate(Binary("and", full, Not(Literal_(False))), {"state": {"lines": [1, 2]}})
    assert not evaluate(Binary("or", Not(full), Literal_(False)), {"state": {"lines": [1, 2]}})


def test_division_is_exact_and_by_zero_says_nothing() -> None:
    assert plain(evaluate(Binary("/", Literal_(1), Literal_(4)), {})) == "0.25"
    with pytest.raises(NotEvaluable):
        evaluate(Binary("/", Literal_(1), Literal_(0)), {})


@given(st.integers(), st.integers(), st.integers(-1000, 1000))
def test_money_calculates_like_numbers(first: int, second: int, factor: int) -> None:
    left, right = Amount(first, "EUR"), Amount(second, "EUR")
    assert (left + right - right) == left
    assert (left * factor).minor == first * factor
    assert (left < right) is (first < second)
    assert plain(left) == {"amount": first, "currency": "EUR"}
