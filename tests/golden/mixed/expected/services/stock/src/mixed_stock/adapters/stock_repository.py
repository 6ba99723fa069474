"""Keeps every `Stock` in PostgreSQL."""

from __future__ import annotations

from chassis.aggregates import AggregateTable

from mixed_stock.domain.stock import Stock
from mixed_stock.gen.ports import StockRepository


def stock_repository() -> StockRepository[Stock]:
    """One row of table `stocks` for a stock."""
    return AggregateTable(Stock, table="stocks", key="sku")
