"""The aggregate `Payment`: its state, and what it answers to each command.

Nothing here reads or writes anything: a decision is a function of the state and the command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from chassis.domain import Accepted, Refused
from chassis.values import Money

from starter_payment.gen.messages import PaymentDeclined, PaymentTaken, TakePayment


class PaymentState(StrEnum):
    """What a payment goes through."""

    TAKEN = "taken"
    DECLINED = "declined"


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """A payment as it is between two commands."""

    id: UUID
    order_id: UUID
    customer_id: UUID
    amount: Money
    state: PaymentState


def take_payment(
    command: TakePayment,
    identity: UUID,
) -> Accepted[Payment, PaymentTaken] | Refused[Payment, PaymentDeclined]:
    """Answer `TakePayment`."""
    payment = Payment(
        id=identity,
        order_id=command.order_id,
        customer_id=command.customer_id,
        amount=command.amount,
        state=PaymentState.TAKEN,
    )
    if command.amount.amount > 100000:
        refusal = PaymentDeclined(
            payment_id=payment.id,
            customer_id=command.customer_id,
            order_id=command.order_id,
            amount=command.amount,
        )
        return Refused(replace(payment, state=PaymentState.DECLINED), refusal)
    event = PaymentTaken(
        payment_id=payment.id,
        customer_id=command.customer_id,
        order_id=command.order_id,
        amount=command.amount,
    )
    return Accepted(payment, event)
