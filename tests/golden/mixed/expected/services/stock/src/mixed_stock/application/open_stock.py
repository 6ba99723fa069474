"""`OpenStock`, a command on a stock."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_stock.domain.stock import Stock, open_stock
from mixed_stock.gen.messages import OpenStock, StockOpened
from mixed_stock.gen.ports import StockRepository


@dataclass(frozen=True)
class OpenStockHandler:
    """Carries out `OpenStock`."""

    stocks: StockRepository[Stock]

    def __call__(self, command: OpenStock, work: UnitOfWork, /) -> StockOpened:
        """Give the event, which is published when the transaction commits."""
        decision = open_stock(command)
        self.stocks.add(work, decision.state)
        return decision.event
