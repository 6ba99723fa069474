"""The aggregate `Order`: its state, and what it answers to each command.

Nothing here reads or writes anything: a decision is a function of the state and the command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from chassis.domain import Accepted, IllegalState, InvariantViolated
from chassis.values import Money, total

from starter_order.gen.messages import (
    CancelOrder,
    ConfirmOrder,
    OrderCancelled,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    PlaceOrder,
)


class OrderState(StrEnum):
    """What an order goes through."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order as it is between two commands."""

    id: UUID
    customer_id: UUID
    lines: tuple[OrderLine, ...]
    total: Money
    address: str
    state: OrderState


def _broken(order: Order) -> str:
    """The first invariant that does not hold; empty when all do."""
    if len(order.lines) <= 0:
        return "size(lines) > 0"
    if order.total != total(item.quantity * item.price for item in order.lines):
        return "total = sum(lines.quantity * lines.price)"
    return ""


def place_order(command: PlaceOrder, identity: UUID) -> Accepted[Order, OrderPlaced]:
    """Answer `PlaceOrder`."""
    order = Order(
        id=identity,
        customer_id=command.customer_id,
        lines=command.lines,
        total=command.total,
        address=command.address,
        state=OrderState.PLACED,
    )
    if text := _broken(order):
        raise InvariantViolated(text)
    event = OrderPlaced(
        order_id=order.id,
        customer_id=command.customer_id,
        lines=command.lines,
        total=command.total,
        address=command.address,
    )
    return Accepted(order, event)


def confirm_order(order: Order, command: ConfirmOrder) -> Accepted[Order, OrderConfirmed]:
    """Answer `ConfirmOrder`."""
    allowed = [OrderState.PLACED]
    if order.state not in allowed:
        raise IllegalState("ConfirmOrder", order.state, allowed)
    after = replace(order, state=OrderState.CONFIRMED)
    event = OrderConfirmed(order_id=after.id, customer_id=after.customer_id)
    return Accepted(after, event)


def cancel_order(order: Order, command: CancelOrder) -> Accepted[Order, OrderCancelled]:
    """Answer `CancelOrder`."""
    allowed = [OrderState.PLACED]
    if order.state not in allowed:
        raise IllegalState("CancelOrder", order.state, allowed)
    after = replace(order, state=OrderState.CANCELLED)
    event = OrderCancelled(order_id=after.id, customer_id=after.customer_id, reason=command.reason)
    return Accepted(after, event)
