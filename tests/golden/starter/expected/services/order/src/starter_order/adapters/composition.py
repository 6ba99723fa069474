"""Puts the service together: the one place that knows every class."""

from __future__ import annotations

from starter_order.adapters.order_repository import order_repository
from starter_order.application.cancel_order import CancelOrderHandler
from starter_order.application.confirm_order import ConfirmOrderHandler
from starter_order.application.get_order import GetOrderHandler
from starter_order.application.place_order import PlaceOrderHandler
from starter_order.application.search_orders import SearchOrdersHandler
from starter_order.domain.order import Order
from starter_order.gen.ports import Handlers, OrderRepository


def compose() -> Handlers:
    """Every handler, over PostgreSQL."""
    return assemble(orders=order_repository())


def assemble(*, orders: OrderRepository[Order]) -> Handlers:
    """Every handler, over the repositories given: tests give some that live in memory."""
    return Handlers(
        place_order=PlaceOrderHandler(orders),
        confirm_order=ConfirmOrderHandler(orders),
        cancel_order=CancelOrderHandler(orders),
        get_order=GetOrderHandler(orders),
        search_orders=SearchOrdersHandler(orders),
    )
