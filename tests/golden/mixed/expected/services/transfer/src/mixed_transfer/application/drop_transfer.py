"""`DropTransfer`, a command on a transfer."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_transfer.domain.transfer import Transfer, drop_transfer
from mixed_transfer.gen.messages import DropTransfer, TransferDropped
from mixed_transfer.gen.ports import TransferRepository


@dataclass(frozen=True)
class DropTransferHandler:
    """Carries out `DropTransfer`."""

    transfers: TransferRepository[Transfer]

    def __call__(self, command: DropTransfer, work: UnitOfWork, /) -> TransferDropped:
        """Give the event, which is published when the transaction commits."""
        transfer = self.transfers.get(work, command.id)
        decision = drop_transfer(transfer, command)
        self.transfers.save(work, decision.state)
        return decision.event
