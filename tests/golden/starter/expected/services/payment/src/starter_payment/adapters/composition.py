"""Puts the service together: the one place that knows every class."""

from __future__ import annotations

from starter_payment.adapters.payment_repository import payment_repository
from starter_payment.application.get_payment import GetPaymentHandler
from starter_payment.application.take_payment import TakePaymentHandler
from starter_payment.domain.payment import Payment
from starter_payment.gen.ports import Handlers, PaymentRepository


def compose() -> Handlers:
    """Every handler, over PostgreSQL."""
    return assemble(payments=payment_repository())


def assemble(*, payments: PaymentRepository[Payment]) -> Handlers:
    """Every handler, over the repositories given: tests give some that live in memory."""
    return Handlers(take_payment=TakePaymentHandler(payments), get_payment=GetPaymentHandler(payments))
