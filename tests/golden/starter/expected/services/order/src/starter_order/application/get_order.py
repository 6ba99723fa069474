"""`GetOrder`, a query for an order."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_order.domain.order import Order
from starter_order.gen.messages import GetOrder, GetOrderResult
from starter_order.gen.ports import OrderRepository


@dataclass(frozen=True)
class GetOrderHandler:
    """Answers `GetOrder`."""

    orders: OrderRepository[Order]

    def __call__(self, query: GetOrder, work: UnitOfWork, /) -> GetOrderResult:
        """Give one; `NotFound` is raised where there is none."""
        order = self.orders.read(work, query.id)
        return GetOrderResult(
            id=order.id,
            customer_id=order.customer_id,
            lines=order.lines,
            total=order.total,
            address=order.address,
            state=order.state,
        )
