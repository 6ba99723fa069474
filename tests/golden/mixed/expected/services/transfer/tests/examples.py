"""Inputs that the tests send, as they travel. Change them together with your rules."""

from typing import Any

START_TRANSFER: dict[str, Any] = {
    "from": "018f3b6e-0000-7000-8000-000000000001",
    "items": [{"price": None, "quantity": 1, "sku": "example"}],
    "score": "1.50",
    "to": "018f3b6e-0000-7000-8000-000000000001",
    "type": None,
}

SETTLE_TRANSFER: dict[str, Any] = {}

DROP_TRANSFER: dict[str, Any] = {"reason": "example"}

STOCK_ADDED: dict[str, Any] = {
    "sku": "example",
    "quantity": 1,
}

STOCK_OPENED: dict[str, Any] = {
    "sku": "example",
}

TRANSFER_FLAGGED: dict[str, Any] = {
    "caseId": "018f3b6e-0000-7000-8000-000000000001",
    "transferId": "018f3b6e-0000-7000-8000-000000000001",
    "score": "1.50",
}

TRANSFER_RATED: dict[str, Any] = {
    "caseId": "018f3b6e-0000-7000-8000-000000000001",
    "transferId": "018f3b6e-0000-7000-8000-000000000001",
    "score": "1.50",
}
