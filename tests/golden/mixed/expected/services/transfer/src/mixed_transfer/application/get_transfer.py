"""`GetTransfer`, a query for a transfer."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_transfer.domain.transfer import Transfer
from mixed_transfer.gen.messages import GetTransfer, GetTransferResult
from mixed_transfer.gen.ports import TransferRepository


@dataclass(frozen=True)
class GetTransferHandler:
    """Answers `GetTransfer`."""

    transfers: TransferRepository[Transfer]

    def __call__(self, query: GetTransfer, work: UnitOfWork, /) -> GetTransferResult:
        """Give one; `NotFound` is raised where there is none."""
        transfer = self.transfers.read(work, query.id)
        return GetTransferResult(
            id=transfer.id,
            from_=transfer.from_,
            to=transfer.to,
            items=transfer.items,
            type_=transfer.type_,
            score=transfer.score,
            state=transfer.state,
        )
