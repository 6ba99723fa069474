"""`TakePayment`, a command on a payment."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_payment.domain.payment import Payment, take_payment
from starter_payment.gen.messages import PaymentDeclined, PaymentTaken, TakePayment
from starter_payment.gen.ports import PaymentRepository


@dataclass(frozen=True)
class TakePaymentHandler:
    """Carries out `TakePayment`."""

    payments: PaymentRepository[Payment]

    def __call__(self, command: TakePayment, work: UnitOfWork, /) -> PaymentTaken | PaymentDeclined:
        """Give the event, which is published when the transaction commits."""
        decision = take_payment(command, work.new_id())
        self.payments.add(work, decision.state)
        return decision.event
