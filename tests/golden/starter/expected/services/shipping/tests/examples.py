"""Inputs that the tests send, as they travel. Change them together with your rules."""

from typing import Any

CREATE_SHIPMENT: dict[str, Any] = {
    "address": "example",
    "customerId": "018f3b6e-0000-7000-8000-000000000001",
    "orderId": "018f3b6e-0000-7000-8000-000000000001",
}

DISPATCH_SHIPMENT: dict[str, Any] = {}
