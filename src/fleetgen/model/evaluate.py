"""Evaluate expressions of the specification over plain values, as every generated language does.

Values are wire JSON: money is `{"amount": minor units, "currency": code}`, a decimal is a text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from fleetgen.model.types import Binary, Expression, FieldPath, Literal_, Not, Size, StateName, Sum, Type


class NotEvaluable(Exception):
    """An operand is absent or of a wrong type: the expression says nothing about these values."""


@dataclass(frozen=True)
class Amount:
    """Money while it is calculated with. A currency of None belongs to an empty sum and fits any other."""

    minor: int
    currency: str | None

    def _joined(self, other: Amount) -> str | None:
        if None not in (self.currency, other.currency) and self.currency != other.currency:
            raise NotEvaluable("two currencies")
        return self.currency or other.currency

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.minor + other.minor, self._joined(other))

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.minor - other.minor, self._joined(other))

    def __mul__(self, factor: int) -> Amount:
        return Amount(self.minor * factor, self.currency)

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Amount):
            return NotImplemented
        self._joined(other)
        return self.minor == other.minor

    def __lt__(self, other: Amount) -> bool:
        self._joined(other)
        return self.minor < other.minor

    def __le__(self, other: Amount) -> bool:
        self._joined(other)
        return self.minor <= other.minor

    __hash__ = None  # type: ignore[assignment]  # equality ignores the currency of an empty sum


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": lambda left, right: right < left,
    ">=": lambda left, right: right <= left,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "and": lambda left, right: bool(left) and bool(right),
    "or": lambda left, right: bool(left) or bool(right),
}

Scopes = Mapping[str, Mapping[str, Any]]  # "state", "input", "item" -> values by wire name


def evaluate(expression: Expression, scopes: Scopes) -> Any:
    """The value of `expression`.

    Raises:
        NotEvaluable: where an operand is missing or does not fit, such as an optional field left out.
    """
    try:
        return _evaluate(expression, scopes)
    except (TypeError, KeyError, ZeroDivisionError, ArithmeticError) as reason:
        raise NotEvaluable(str(reason)) from reason


def holds(expression: Expression, scopes: Scopes) -> bool:
    """Whether a condition is true; one that cannot be evaluated counts as true (absent values break nothing)."""
    try:
        return bool(evaluate(expression, scopes))
    except NotEvaluable:
        return True


def _evaluate(expression: Expression, scopes: Scopes) -> Any:  # noqa: C901, PLR0911 - one branch a node
    match expression:
        case Literal_(value=value):
            return value
        case StateName(state=state):
            return state
        case FieldPath(scope=scope, path=path, type=type_):
            return _typed(reduce(operator.getitem, path, scopes[scope]), type_)
        case Not(operand=operand):
            return not _evaluate(operand, scopes)
        case Size(of=of):
            return len(_evaluate(of, scopes))
        case Sum(over=over, term=term):
            terms = [_evaluate(term, {**scopes, "item": item}) for item in _evaluate(over, scopes)]
            empty: Any = Amount(0, None) if expression.type.kind == "money" else 0
            return reduce(operator.add, terms, empty)
        case Binary(operator="/", left=left, right=right):
            divisor = _evaluate(right, scopes)
            return Decimal(_evaluate(left, scopes)) / Decimal(divisor)
        case Binary(operator=symbol, left=left, right=right):
            return _OPERATORS[symbol](_evaluate(left, scopes), _evaluate(right, scopes))


def _typed(value: Any, type_: Type) -> Any:
    if value is None:
        raise NotEvaluable("absent")
    inner = type_.of if type_.kind == "optional" and type_.of else type_
    if inner.kind == "money":
        return Amount(value["amount"], value["currency"])
    if inner.kind == "decimal":
        return Decimal(value)
    return value


def plain(value: Any) -> Any:
    """A calculated value back as wire JSON."""
    if isinstance(value, Amount):
        return {"amount": value.minor, "currency": value.currency or "EUR"}
    return str(value) if isinstance(value, Decimal) else value
