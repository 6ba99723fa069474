"""`SettleTransfer`, a command on a transfer."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_transfer.domain.transfer import Transfer, settle_transfer
from mixed_transfer.gen.messages import SettleTransfer, TransferSettled
from mixed_transfer.gen.ports import TransferRepository


@dataclass(frozen=True)
class SettleTransferHandler:
    """Carries out `SettleTransfer`."""

    transfers: TransferRepository[Transfer]

    def __call__(self, command: SettleTransfer, work: UnitOfWork, /) -> TransferSettled:
        """Give the event, which is published when the transaction commits."""
        transfer = self.transfers.get(work, command.id)
        decision = settle_transfer(transfer, command)
        self.transfers.save(work, decision.state)
        return decision.event
