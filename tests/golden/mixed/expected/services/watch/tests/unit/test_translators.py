"""What other contexts publish, in this context's own terms. Change it together with the translators."""

from __future__ import annotations

from chassis.message import from_wire, to_wire

from examples import STOCK_SHORT
from mixed_watch.adapters.translators.stock_short import translate_stock_short
from mixed_watch.gen.upstream import StockShort


def test_stock_short_is_told_in_our_own_terms() -> None:
    event = from_wire(StockShort, STOCK_SHORT)
    assert to_wire(translate_stock_short(event)) == STOCK_SHORT
