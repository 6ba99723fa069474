"""Inputs that the tests send, as they travel. Change them together with your rules."""

from typing import Any

PLACE_ORDER: dict[str, Any] = {
    "address": "example",
    "customerId": "018f3b6e-0000-7000-8000-000000000001",
    "lines": [{"price": {"amount": 1200, "currency": "EUR"}, "product": "example", "quantity": 1}],
    "total": {"amount": 1200, "currency": "EUR"},
}

PLACE_ORDER_REFUSED: dict[str, Any] = {
    "address": "example",
    "customerId": "018f3b6e-0000-7000-8000-000000000001",
    "lines": [],
    "total": {"amount": 0, "currency": "EUR"},
}

CONFIRM_ORDER: dict[str, Any] = {}

CANCEL_ORDER: dict[str, Any] = {"reason": "example"}
