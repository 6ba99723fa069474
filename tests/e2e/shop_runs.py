"""The e-commerce example's saga: an order that completes, and every way in which it does not."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from e2e.live_fleet import LiveFleet
from e2e.runs import Expected, Query, Row, Scenario

ON_HAND, RESERVED = 20, 5
"""Enough to be taken twice: what happens a second time must show, not break an invariant."""
OBSERVERS = {
    "OrderPlaced": ("reporting", "analytics"),
    "OrderConfirmed": ("notification",),
    "OrderShipped": ("notification",),
    "OrderCancelled": ("analytics",),
    "PaymentCaptured": ("reporting",),
    "StockShort": ("analytics",),
}
"""Who keeps a log of which events."""


def _order(*lines: tuple[str, int, int]) -> dict[str, Any]:
    total = sum(quantity * price for _, quantity, price in lines)
    return {
        "customerId": str(uuid.uuid4()),
        "lines": [{"sku": sku, "quantity": quantity, "price": _euro(price)} for sku, quantity, price in lines],
        "total": _euro(total),
        "paymentToken": "token",
    }


def _euro(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def _stocked(live: LiveFleet) -> tuple[str, str]:
    mark = uuid.uuid4().hex[:8]
    skus = (f"apple-{mark}", f"pear-{mark}")
    for sku in skus:
        live.post("inventory", "OpenStock", {"sku": sku, "onHand": ON_HAND, "reserved": RESERVED})
    return skus


def _plain(live: LiveFleet) -> dict[str, Any]:
    apple, pear = _stocked(live)
    return _order((apple, 2, 1200), (pear, 3, 500))


def _too_many(live: LiveFleet) -> dict[str, Any]:
    apple, pear = _stocked(live)
    return _order((apple, 2, 1200), (pear, ON_HAND - RESERVED + 1, 500))


def _too_dear(live: LiveFleet) -> dict[str, Any]:
    apple, _ = _stocked(live)
    return _order((apple, 1, 1_000_001))


def _rows(given: Mapping[str, Any], key: str, order: Row, payments: list[Row], shipments: list[Row]) -> dict:
    amount = given["total"]["amount"]
    return {
        ("order", "SELECT id::text, state, _version FROM orders WHERE customer_id = %s", given["customerId"]): [
            (key, *order)
        ],
        ("payment", "SELECT state, _version, (amount->>'amount')::bigint FROM payments WHERE order_id = %s", key): [
            (*row, amount) for row in payments
        ],
        ("shipping", "SELECT state, _version FROM shipments WHERE order_id = %s", key): shipments,
    }


def _stock(given: Mapping[str, Any], taken: bool, version: int) -> dict[Query, list[Row]]:
    query = "SELECT on_hand, reserved, _version FROM stocks WHERE sku = %s"
    gone = {line["sku"]: line["quantity"] if taken else 0 for line in given["lines"]}
    return {("inventory", query, sku): [(ON_HAND - quantity, RESERVED, version)] for sku, quantity in gone.items()}


def _logs(given: Mapping[str, Any], messages: Mapping[str, int]) -> dict[Query, list[Row]]:
    """Who only watches writes a row for each event that it saw."""
    found: dict[Query, list[Row]] = {}
    for event, services in OBSERVERS.items():
        table = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in event).strip("_")
        query = f"SELECT count(*) FROM {table}_log WHERE payload->>'customerId' = %s"
        found |= {(service, query, given["customerId"]): [(messages.get(event, 0),)] for service in services}
    return found


def _completed(given: Mapping[str, Any], key: str) -> Expected:
    rows = _rows(given, key, ("shipped", 3), [("captured", 2)], [("dispatched", 2)])
    lines = len(given["lines"])
    messages = {
        "OrderPlaced": 1,
        "PaymentAuthorized": 1,
        "StockReserved": lines,
        "ShipmentCreated": 1,
        "PaymentCaptured": 1,
        "OrderConfirmed": 1,
        "StockAllocated": lines,
        "ShipmentDispatched": 1,
        "OrderShipped": 1,
    }
    effects = rows | _stock(given, taken=True, version=3) | _logs(given, messages)
    return Expected("completed", effects, messages)


def _declined(given: Mapping[str, Any], key: str) -> Expected:
    rows = _rows(given, key, ("cancelled", 2), [("declined", 1)], [])
    messages = {"OrderPlaced": 1, "PaymentDeclined": 1, "OrderCancelled": 1}
    effects = rows | _stock(given, taken=False, version=1) | _logs(given, messages)
    return Expected("compensated", effects, messages)


def _short(given: Mapping[str, Any], key: str) -> Expected:
    rows = _rows(given, key, ("cancelled", 2), [("voided", 2)], [])
    messages = {
        "OrderPlaced": 1,
        "PaymentAuthorized": 1,
        "StockShort": 1,
        "PaymentVoided": 1,
        "OrderCancelled": 1,
    }
    effects = rows | _stock(given, taken=False, version=1) | _logs(given, messages)
    return Expected("compensated", effects, messages)


def _called_off(given: Mapping[str, Any], key: str) -> Expected:
    rows = _rows(given, key, ("cancelled", 2), [("voided", 2)], [("cancelled", 2)])
    lines = len(given["lines"])
    messages = {
        "OrderPlaced": 1,
        "PaymentAuthorized": 1,
        "StockReserved": lines,
        "ShipmentCreated": 1,
        "overdue": 1,
        "undone": 1,  # of the pivot, which was closed before it ran
        "ShipmentCancelled": 1,
        "StockReleased": lines,
        "PaymentVoided": 1,
        "OrderCancelled": 1,
    }
    effects = rows | _stock(given, taken=False, version=3) | _logs(given, messages)
    return Expected("compensated", effects, messages)


COMPLETED = Scenario("completed", _plain, _completed)
DECLINED = Scenario("declined", _too_dear, _declined)
SHORT = Scenario("short", _too_many, _short)
CALLED_OFF = Scenario("called-off", _plain, _called_off)
"""An operator calls it off after the shipment was created and before the payment was captured."""
