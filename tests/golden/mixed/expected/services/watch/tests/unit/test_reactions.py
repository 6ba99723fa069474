"""What the service does with the events it watches."""

from __future__ import annotations

from chassis.doubles import FakeWork, MemoryEventLog
from chassis.message import from_wire

from examples import STOCK_SHORT, TRANSFER_SETTLED
from mixed_watch.application.on_stock_short import OnStockShortHandler
from mixed_watch.application.on_transfer_settled import OnTransferSettledHandler
from mixed_watch.domain.seen_stock_short import SeenStockShort
from mixed_watch.gen.messages import TransferSettled


def test_transfer_settled_is_kept() -> None:
    log = MemoryEventLog()
    event = from_wire(TransferSettled, TRANSFER_SETTLED)
    OnTransferSettledHandler(log)(event, FakeWork())
    assert log.events == [event]


def test_stock_short_is_kept() -> None:
    log = MemoryEventLog()
    event = from_wire(SeenStockShort, STOCK_SHORT)
    OnStockShortHandler(log)(event, FakeWork())
    assert log.events == [event]
