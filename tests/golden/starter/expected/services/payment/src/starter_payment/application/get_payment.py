"""`GetPayment`, a query for a payment."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_payment.domain.payment import Payment
from starter_payment.gen.messages import GetPayment, GetPaymentResult
from starter_payment.gen.ports import PaymentRepository


@dataclass(frozen=True)
class GetPaymentHandler:
    """Answers `GetPayment`."""

    payments: PaymentRepository[Payment]

    def __call__(self, query: GetPayment, work: UnitOfWork, /) -> GetPaymentResult:
        """Give one; `NotFound` is raised where there is none."""
        payment = self.payments.read(work, query.id)
        return GetPaymentResult(
            id=payment.id,
            order_id=payment.order_id,
            customer_id=payment.customer_id,
            amount=payment.amount,
            state=payment.state,
        )
