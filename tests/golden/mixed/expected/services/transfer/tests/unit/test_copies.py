"""The copies of other contexts' data follow their owners' events."""

from __future__ import annotations

from chassis.message import to_wire
from chassis.projection_doubles import MemoryProjection
from chassis.service import Service

from examples import STOCK_ADDED, STOCK_OPENED


def test_levels_follow_stock_opened(service: Service) -> None:
    levels = MemoryProjection(service, "levels")
    levels.follow("StockOpened", STOCK_OPENED)
    row = to_wire(levels.get(STOCK_OPENED["sku"]))
    for name in ["sku"]:
        assert row[name] == STOCK_OPENED[name]


def test_levels_follow_stock_added(service: Service) -> None:
    levels = MemoryProjection(service, "levels")
    levels.follow("StockAdded", STOCK_ADDED)
    row = to_wire(levels.get(STOCK_ADDED["sku"]))
    for name in ["sku", "quantity"]:
        assert row[name] == STOCK_ADDED[name]
