"""`GetStock`, a query for a stock."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_stock.domain.stock import Stock
from mixed_stock.gen.messages import GetStock, GetStockResult
from mixed_stock.gen.ports import StockRepository


@dataclass(frozen=True)
class GetStockHandler:
    """Answers `GetStock`."""

    stocks: StockRepository[Stock]

    def __call__(self, query: GetStock, work: UnitOfWork, /) -> GetStockResult:
        """Give one; `NotFound` is raised where there is none."""
        stock = self.stocks.read(work, query.sku)
        return GetStockResult(sku=stock.sku, on_hand=stock.on_hand)
