"""Inputs that the tests send, as they travel. Change them together with your rules."""

from typing import Any

STOCK_SHORT: dict[str, Any] = {
    "sku": "example",
    "quantity": 1,
}

TRANSFER_SETTLED: dict[str, Any] = {
    "transferId": "018f3b6e-0000-7000-8000-000000000001",
    "from": "018f3b6e-0000-7000-8000-000000000001",
    "items": [
        {
            "sku": "example",
            "quantity": 1,
            "price": None,
        },
    ],
}
