"""Inputs that the tests send, as they travel. Change them together with your rules."""

from typing import Any

TAKE_PAYMENT: dict[str, Any] = {
    "amount": {"amount": 1200, "currency": "EUR"},
    "customerId": "018f3b6e-0000-7000-8000-000000000001",
    "orderId": "018f3b6e-0000-7000-8000-000000000001",
}

TAKE_PAYMENT_REFUSED: dict[str, Any] = {
    "amount": {"amount": 100001, "currency": "EUR"},
    "customerId": "018f3b6e-0000-7000-8000-000000000001",
    "orderId": "018f3b6e-0000-7000-8000-000000000001",
}
