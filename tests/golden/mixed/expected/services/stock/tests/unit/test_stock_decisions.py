"""Each command on its own: accepted, refused, out of place."""

from __future__ import annotations

import pytest
from chassis.domain import Accepted, InvariantViolated, Refused
from chassis.message import from_wire

from examples import (
    ADD_STOCK,
    ADD_STOCK_REFUSED,
    OPEN_STOCK,
    RETURN_STOCK,
    RETURN_STOCK_REFUSED,
    TAKE_STOCK,
    TAKE_STOCK_REFUSED,
)
from mixed_stock.domain.stock import add_stock, open_stock, return_stock, take_stock
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

KEY = {"sku": "example"}


def test_open_stock_is_accepted() -> None:
    decision = open_stock(from_wire(OpenStock, OPEN_STOCK))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, StockOpened)


def test_add_stock_is_accepted() -> None:
    stock = open_stock(from_wire(OpenStock, OPEN_STOCK)).state
    decision = add_stock(stock, from_wire(AddStock, ADD_STOCK | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, StockAdded)


def test_take_stock_is_accepted() -> None:
    stock = open_stock(from_wire(OpenStock, OPEN_STOCK)).state
    stock = add_stock(stock, from_wire(AddStock, ADD_STOCK | KEY)).state
    decision = take_stock(stock, from_wire(TakeStock, TAKE_STOCK | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, StockTaken)


def test_return_stock_is_accepted() -> None:
    stock = open_stock(from_wire(OpenStock, OPEN_STOCK)).state
    decision = return_stock(stock, from_wire(ReturnStock, RETURN_STOCK | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, StockReturned)


def test_take_stock_is_refused() -> None:
    stock = open_stock(from_wire(OpenStock, OPEN_STOCK)).state
    stock = add_stock(stock, from_wire(AddStock, ADD_STOCK | KEY)).state
    decision = take_stock(stock, from_wire(TakeStock, TAKE_STOCK_REFUSED | KEY))
    assert isinstance(decision, Refused)
    assert isinstance(decision.event, StockShort)


def test_add_stock_keeps_the_invariants() -> None:
    stock = open_stock(from_wire(OpenStock, OPEN_STOCK)).state
    with pytest.raises(InvariantViolated):
        add_stock(stock, from_wire(AddStock, ADD_STOCK_REFUSED | KEY))


def test_return_stock_keeps_the_invariants() -> None:
    stock = open_stock(from_wire(OpenStock, OPEN_STOCK)).state
    with pytest.raises(InvariantViolated):
        return_stock(stock, from_wire(ReturnStock, RETURN_STOCK_REFUSED | KEY))
