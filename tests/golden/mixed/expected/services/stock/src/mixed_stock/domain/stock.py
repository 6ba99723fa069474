"""The aggregate `Stock`: its state, and what it answers to each command.

Nothing here reads or writes anything: a decision is a function of the state and the command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from chassis.domain import Accepted, InvariantViolated, Refused

from mixed_stock.gen.messages import (
    AddStock,
    OpenStock,
    ReturnStock,
    StockAdded,
    StockOpened,
    StockReturned,
    StockShort,
    StockTaken,
    TakeStock,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """A stock as it is between two commands."""

    sku: str
    on_hand: int


def _broken(stock: Stock) -> str:
    """The first invariant that does not hold; empty when all do."""
    if stock.on_hand < 0:
        return "0 <= onHand"
    return ""


def open_stock(command: OpenStock) -> Accepted[Stock, StockOpened]:
    """Answer `OpenStock`."""
    stock = Stock(sku=command.sku, on_hand=0)
    if text := _broken(stock):
        raise InvariantViolated(text)
    event = StockOpened(sku=stock.sku)
    return Accepted(stock, event)


def add_stock(stock: Stock, command: AddStock) -> Accepted[Stock, StockAdded]:
    """Answer `AddStock`."""
    after = replace(stock, on_hand=stock.on_hand + command.quantity)
    if text := _broken(after):
        raise InvariantViolated(text)
    event = StockAdded(sku=after.sku, quantity=command.quantity)
    return Accepted(after, event)


def take_stock(stock: Stock, command: TakeStock) -> Accepted[Stock, StockTaken] | Refused[Stock, StockShort]:
    """Answer `TakeStock`."""
    after = replace(stock, on_hand=stock.on_hand - command.quantity)
    if _broken(after):
        refusal = StockShort(sku=stock.sku, quantity=command.quantity)
        return Refused(stock, refusal)
    event = StockTaken(sku=after.sku, quantity=command.quantity)
    return Accepted(after, event)


def return_stock(stock: Stock, command: ReturnStock) -> Accepted[Stock, StockReturned]:
    """Answer `ReturnStock`."""
    after = replace(stock, on_hand=stock.on_hand + command.quantity)
    if text := _broken(after):
        raise InvariantViolated(text)
    event = StockReturned(sku=after.sku, quantity=command.quantity)
    return Accepted(after, event)
