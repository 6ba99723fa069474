"""`TakeStock`, a command on a stock."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_stock.domain.stock import Stock, take_stock
from mixed_stock.gen.messages import StockShort, StockTaken, TakeStock
from mixed_stock.gen.ports import StockRepository


@dataclass(frozen=True)
class TakeStockHandler:
    """Carries out `TakeStock`."""

    stocks: StockRepository[Stock]

    def __call__(self, command: TakeStock, work: UnitOfWork, /) -> StockTaken | StockShort:
        """Give the event, which is published when the transaction commits."""
        stock = self.stocks.get(work, command.sku)
        decision = take_stock(stock, command)
        self.stocks.save(work, decision.state)
        return decision.event
