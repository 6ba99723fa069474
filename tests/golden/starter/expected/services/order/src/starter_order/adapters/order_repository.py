"""Keeps every `Order` in PostgreSQL."""

from __future__ import annotations

from chassis.aggregates import AggregateTable

from starter_order.domain.order import Order
from starter_order.gen.ports import OrderRepository


def order_repository() -> OrderRepository[Order]:
    """One row of table `orders` for an order."""
    return AggregateTable(Order, table="orders", key="id")
