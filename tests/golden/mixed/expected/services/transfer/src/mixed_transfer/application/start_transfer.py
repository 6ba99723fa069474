"""`StartTransfer`, a command on a transfer."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_transfer.domain.transfer import Transfer, start_transfer
from mixed_transfer.gen.messages import StartTransfer, TransferStarted
from mixed_transfer.gen.ports import LevelsCopy, TransferRepository


@dataclass(frozen=True)
class StartTransferHandler:
    """Carries out `StartTransfer`."""

    transfers: TransferRepository[Transfer]
    levels: LevelsCopy

    def __call__(self, command: StartTransfer, work: UnitOfWork, /) -> TransferStarted:
        """Give the event, which is published when the transaction commits."""
        decision = start_transfer(command, work.new_id())
        self.transfers.add(work, decision.state)
        return decision.event
