"""Keeps every `Payment` in PostgreSQL."""

from __future__ import annotations

from chassis.aggregates import AggregateTable

from starter_payment.domain.payment import Payment
from starter_payment.gen.ports import PaymentRepository


def payment_repository() -> PaymentRepository[Payment]:
    """One row of table `payments` for a payment."""
    return AggregateTable(Payment, table="payments", key="id")
