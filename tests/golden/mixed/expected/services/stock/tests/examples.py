"""Inputs that the tests send, as they travel. Change them together with your rules."""

from typing import Any

OPEN_STOCK: dict[str, Any] = {"sku": "example"}

ADD_STOCK: dict[str, Any] = {"quantity": 1}

ADD_STOCK_REFUSED: dict[str, Any] = {"quantity": -1}

TAKE_STOCK: dict[str, Any] = {"quantity": 1}

TAKE_STOCK_REFUSED: dict[str, Any] = {"quantity": 2}

RETURN_STOCK: dict[str, Any] = {"quantity": 1}

RETURN_STOCK_REFUSED: dict[str, Any] = {"quantity": -1}
