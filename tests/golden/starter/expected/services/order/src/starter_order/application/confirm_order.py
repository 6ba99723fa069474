"""`ConfirmOrder`, a command on an order."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_order.domain.order import Order, confirm_order
from starter_order.gen.messages import ConfirmOrder, OrderConfirmed
from starter_order.gen.ports import OrderRepository


@dataclass(frozen=True)
class ConfirmOrderHandler:
    """Carries out `ConfirmOrder`."""

    orders: OrderRepository[Order]

    def __call__(self, command: ConfirmOrder, work: UnitOfWork, /) -> OrderConfirmed:
        """Give the event, which is published when the transaction commits."""
        order = self.orders.get(work, command.id)
        decision = confirm_order(order, command)
        self.orders.save(work, decision.state)
        return decision.event
