"""`AddStock`, a command on a stock."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_stock.domain.stock import Stock, add_stock
from mixed_stock.gen.messages import AddStock, StockAdded
from mixed_stock.gen.ports import StockRepository


@dataclass(frozen=True)
class AddStockHandler:
    """Carries out `AddStock`."""

    stocks: StockRepository[Stock]

    def __call__(self, command: AddStock, work: UnitOfWork, /) -> StockAdded:
        """Give the event, which is published when the transaction commits."""
        stock = self.stocks.get(work, command.sku)
        decision = add_stock(stock, command)
        self.stocks.save(work, decision.state)
        return decision.event
