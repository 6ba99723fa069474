"""Values every fleet shares: money, and sums over lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce, total_ordering
from operator import add
from typing import Any, TypeVar

from chassis.domain import InvariantViolated

T = TypeVar("T")


class MixedCurrencies(InvariantViolated, ValueError):
    """Money of two currencies was added, subtracted or ordered. What a caller sent may lead here: it is no crash."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Money:
    """An exact amount in minor units (cents) of a currency (ISO 4217 code).

    The currency is empty for a sum over nothing: that equals zero of any currency and may be added to it.
    Currencies are never mixed: calculating or ordering across two raises `MixedCurrencies`, and they are never
    equal.
    """

    amount: int
    currency: str

    def _joined(self, other: Money) -> str:
        if self.currency and other.currency and self.currency != other.currency:
            raise MixedCurrencies(f"{self.currency} and {other.currency} do not mix")
        return self.currency or other.currency

    def __add__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount + other.amount, self._joined(other))

    def __sub__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount - other.amount, self._joined(other))

    def __mul__(self, factor: int) -> Money:
        if not isinstance(factor, int):
            return NotImplemented
        return Money(self.amount * factor, self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        fits = not self.currency or not other.currency or self.currency == other.currency
        return fits and self.amount == other.amount

    def __lt__(self, other: Money) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        self._joined(other)
        return self.amount < other.amount

    def __hash__(self) -> int:
        """By the amount alone, since an empty currency equals any other."""
        return hash(self.amount)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}".rstrip()


NO_MONEY = Money(0, "")
"""The sum of no money at all."""


def total(terms: Iterable[T], zero: Any = NO_MONEY) -> T:
    """The sum of `terms`; over nothing it is `zero`. Pass `0` for numbers: without it an empty sum is money."""
    collected = list(terms)
    return reduce(add, collected) if collected else zero
