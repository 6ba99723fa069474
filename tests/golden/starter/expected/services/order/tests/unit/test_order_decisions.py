"""Each command on its own: accepted, refused, out of place."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from chassis.domain import Accepted, IllegalState, InvariantViolated
from chassis.message import from_wire

from examples import CANCEL_ORDER, CONFIRM_ORDER, PLACE_ORDER, PLACE_ORDER_REFUSED
from starter_order.domain.order import OrderState, cancel_order, confirm_order, place_order
from starter_order.gen.messages import (
    CancelOrder,
    ConfirmOrder,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    PlaceOrder,
)

IDENTITY = UUID("018f3b6e-0000-7000-8000-000000000001")
KEY = {"id": str(IDENTITY)}


def test_place_order_is_accepted() -> None:
    decision = place_order(from_wire(PlaceOrder, PLACE_ORDER), IDENTITY)
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, OrderPlaced)
    assert decision.state.state is OrderState.PLACED


def test_confirm_order_is_accepted() -> None:
    order = place_order(from_wire(PlaceOrder, PLACE_ORDER), IDENTITY).state
    decision = confirm_order(order, from_wire(ConfirmOrder, CONFIRM_ORDER | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, OrderConfirmed)
    assert decision.state.state is OrderState.CONFIRMED


def test_cancel_order_is_accepted() -> None:
    order = place_order(from_wire(PlaceOrder, PLACE_ORDER), IDENTITY).state
    decision = cancel_order(order, from_wire(CancelOrder, CANCEL_ORDER | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, OrderCancelled)
    assert decision.state.state is OrderState.CANCELLED


def test_place_order_keeps_the_invariants() -> None:
    with pytest.raises(InvariantViolated):
        place_order(from_wire(PlaceOrder, PLACE_ORDER_REFUSED), IDENTITY)


def test_confirm_order_needs_its_state() -> None:
    order = place_order(from_wire(PlaceOrder, PLACE_ORDER), IDENTITY).state
    for state in [OrderState.CONFIRMED, OrderState.CANCELLED]:
        elsewhere = replace(order, state=state)
        with pytest.raises(IllegalState):
            confirm_order(elsewhere, from_wire(ConfirmOrder, CONFIRM_ORDER | KEY))


def test_cancel_order_needs_its_state() -> None:
    order = place_order(from_wire(PlaceOrder, PLACE_ORDER), IDENTITY).state
    for state in [OrderState.CONFIRMED, OrderState.CANCELLED]:
        elsewhere = replace(order, state=state)
        with pytest.raises(IllegalState):
            cancel_order(elsewhere, from_wire(CancelOrder, CANCEL_ORDER | KEY))
