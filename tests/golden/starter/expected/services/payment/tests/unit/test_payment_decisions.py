"""Each command on its own: accepted, refused, out of place."""

from __future__ import annotations

from uuid import UUID

from chassis.domain import Accepted, Refused
from chassis.message import from_wire

from examples import TAKE_PAYMENT, TAKE_PAYMENT_REFUSED
from starter_payment.domain.payment import PaymentState, take_payment
from starter_payment.gen.messages import PaymentDeclined, PaymentTaken, TakePayment

IDENTITY = UUID("018f3b6e-0000-7000-8000-000000000001")


def test_take_payment_is_accepted() -> None:
    decision = take_payment(from_wire(TakePayment, TAKE_PAYMENT), IDENTITY)
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, PaymentTaken)
    assert decision.state.state is PaymentState.TAKEN


def test_take_payment_is_refused() -> None:
    decision = take_payment(from_wire(TakePayment, TAKE_PAYMENT_REFUSED), IDENTITY)
    assert isinstance(decision, Refused)
    assert isinstance(decision.event, PaymentDeclined)
