"""What the service does when it sees `TransferSettled`."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_watch.gen.messages import TransferSettled
from mixed_watch.gen.ports import EventRecord


@dataclass(frozen=True)
class OnTransferSettledHandler:
    """Reacts to `TransferSettled`, once for each event however often it is delivered."""

    record: EventRecord

    def __call__(self, event: TransferSettled, work: UnitOfWork, /) -> None:
        """Keep the event: what the service makes of it begins here."""
        self.record.append(work, event)
