"""What the service does when it sees `StockShort`."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_watch.domain.seen_stock_short import SeenStockShort
from mixed_watch.gen.ports import EventRecord


@dataclass(frozen=True)
class OnStockShortHandler:
    """Reacts to `StockShort`, once for each event however often it is delivered."""

    record: EventRecord

    def __call__(self, event: SeenStockShort, work: UnitOfWork, /) -> None:
        """Keep the event: what the service makes of it begins here."""
        self.record.append(work, event)
