"""This context's own term for what it hears from context `stock`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenStockShort:
    """What this context knows when context `stock` says `StockShort`."""

    sku: str
    quantity: int
