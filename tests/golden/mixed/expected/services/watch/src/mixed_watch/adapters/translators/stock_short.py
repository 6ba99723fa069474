"""`StockShort` of context `stock`, turned into this context's own term."""

from __future__ import annotations

from mixed_watch.domain.seen_stock_short import SeenStockShort
from mixed_watch.gen.upstream import StockShort


def translate_stock_short(event: StockShort) -> SeenStockShort:
    """Word it as this context does: rename, combine, leave out."""
    return SeenStockShort(sku=event.sku, quantity=event.quantity)
