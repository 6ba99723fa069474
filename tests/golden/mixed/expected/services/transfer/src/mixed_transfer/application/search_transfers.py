"""`SearchTransfers`, a query for a transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chassis import paging
from chassis.work import UnitOfWork

from mixed_transfer.domain.transfer import Transfer
from mixed_transfer.gen.messages import SearchTransfers, SearchTransfersResult
from mixed_transfer.gen.ports import TransferRepository


@dataclass(frozen=True)
class SearchTransfersHandler:
    """Answers `SearchTransfers`."""

    transfers: TransferRepository[Transfer]

    def __call__(
        self,
        query: SearchTransfers,
        page: paging.PageRequest,
        work: UnitOfWork,
        /,
    ) -> paging.Page[SearchTransfersResult]:
        """Give those that match every filter that is set, in the order of their keys."""
        filters: dict[str, Any] = {
            "id": query.id,
            "from_": query.from_,
            "to": query.to,
            "type_": query.type_,
            "score": query.score,
            "state": query.state,
        }
        found = self.transfers.page(work, filters, page.after, page.limit)
        return paging.Page(tuple(_result(item) for item in found.items), found.next)


def _result(transfer: Transfer) -> SearchTransfersResult:
    return SearchTransfersResult(
        id=transfer.id,
        from_=transfer.from_,
        to=transfer.to,
        items=transfer.items,
        type_=transfer.type_,
        score=transfer.score,
        state=transfer.state,
    )
