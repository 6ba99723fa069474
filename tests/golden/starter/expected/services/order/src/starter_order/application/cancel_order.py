"""`CancelOrder`, a command on an order."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_order.domain.order import Order, cancel_order
from starter_order.gen.messages import CancelOrder, OrderCancelled
from starter_order.gen.ports import OrderRepository


@dataclass(frozen=True)
class CancelOrderHandler:
    """Carries out `CancelOrder`."""

    orders: OrderRepository[Order]

    def __call__(self, command: CancelOrder, work: UnitOfWork, /) -> OrderCancelled:
        """Give the event, which is published when the transaction commits."""
        order = self.orders.get(work, command.id)
        decision = cancel_order(order, command)
        self.orders.save(work, decision.state)
        return decision.event
