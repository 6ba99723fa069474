"""Inputs that the tests send, as they travel. Change them together with your rules."""

from typing import Any

RATE_TRANSFER: dict[str, Any] = {"score": "1.50", "transferId": "018f3b6e-0000-7000-8000-000000000001"}

RATE_TRANSFER_REFUSED: dict[str, Any] = {"score": "1000000000", "transferId": "018f3b6e-0000-7000-8000-000000000001"}

SWEEP_CASES: dict[str, Any] = {"scheduledFor": "2026-01-31T12:00:00Z"}
