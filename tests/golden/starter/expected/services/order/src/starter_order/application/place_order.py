"""`PlaceOrder`, a command on an order."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_order.domain.order import Order, place_order
from starter_order.gen.messages import OrderPlaced, PlaceOrder
from starter_order.gen.ports import OrderRepository


@dataclass(frozen=True)
class PlaceOrderHandler:
    """Carries out `PlaceOrder`."""

    orders: OrderRepository[Order]

    def __call__(self, command: PlaceOrder, work: UnitOfWork, /) -> OrderPlaced:
        """Give the event, which is published when the transaction commits."""
        decision = place_order(command, work.new_id())
        self.orders.add(work, decision.state)
        return decision.event
