"""Puts the service together: the one place that knows every class."""

from __future__ import annotations

from chassis.event_log import EventLog
from chassis.translation import Translated

from mixed_watch.adapters.translators.stock_short import translate_stock_short
from mixed_watch.application.on_stock_short import OnStockShortHandler
from mixed_watch.application.on_transfer_settled import OnTransferSettledHandler
from mixed_watch.gen.ports import EventRecord, Handlers


def compose() -> Handlers:
    """Every handler, over PostgreSQL."""
    return assemble(
        transfer_settled_record=EventLog("transfer_settled_log"),
        stock_short_record=EventLog("stock_short_log"),
    )


def assemble(*, transfer_settled_record: EventRecord, stock_short_record: EventRecord) -> Handlers:
    """Every handler, over the repositories given: tests give some that live in memory."""
    return Handlers(
        on_transfer_settled=OnTransferSettledHandler(transfer_settled_record),
        on_stock_short=Translated(translate_stock_short, OnStockShortHandler(stock_short_record)),
    )
