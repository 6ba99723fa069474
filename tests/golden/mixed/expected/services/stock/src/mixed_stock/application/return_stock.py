"""`ReturnStock`, a command on a stock."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_stock.domain.stock import Stock, return_stock
from mixed_stock.gen.messages import ReturnStock, StockReturned
from mixed_stock.gen.ports import StockRepository


@dataclass(frozen=True)
class ReturnStockHandler:
    """Carries out `ReturnStock`."""

    stocks: StockRepository[Stock]

    def __call__(self, command: ReturnStock, work: UnitOfWork, /) -> StockReturned:
        """Give the event, which is published when the transaction commits."""
        stock = self.stocks.get(work, command.sku)
        decision = return_stock(stock, command)
        self.stocks.save(work, decision.state)
        return decision.event
