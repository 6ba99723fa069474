"""Puts the service together: the one place that knows every class."""

from __future__ import annotations

from mixed_stock.adapters.stock_repository import stock_repository
from mixed_stock.application.add_stock import AddStockHandler
from mixed_stock.application.get_stock import GetStockHandler
from mixed_stock.application.open_stock import OpenStockHandler
from mixed_stock.application.return_stock import ReturnStockHandler
from mixed_stock.application.take_stock import TakeStockHandler
from mixed_stock.domain.stock import Stock
from mixed_stock.gen.ports import Handlers, StockRepository


def compose() -> Handlers:
    """Every handler, over PostgreSQL."""
    return assemble(stocks=stock_repository())


def assemble(*, stocks: StockRepository[Stock]) -> Handlers:
    """Every handler, over the repositories given: tests give some that live in memory."""
    return Handlers(
        open_stock=OpenStockHandler(stocks),
        add_stock=AddStockHandler(stocks),
        take_stock=TakeStockHandler(stocks),
        return_stock=ReturnStockHandler(stocks),
        get_stock=GetStockHandler(stocks),
    )
