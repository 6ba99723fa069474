"""Puts the service together: the one place that knows every class."""

from __future__ import annotations

from chassis.projected import ProjectedRows

from mixed_transfer.adapters.transfer_repository import transfer_repository
from mixed_transfer.adapters.translators.transfer_flagged import translate_transfer_flagged
from mixed_transfer.adapters.translators.transfer_rated import translate_transfer_rated
from mixed_transfer.application.drop_transfer import DropTransferHandler
from mixed_transfer.application.get_transfer import GetTransferHandler
from mixed_transfer.application.search_transfers import SearchTransfersHandler
from mixed_transfer.application.settle_transfer import SettleTransferHandler
from mixed_transfer.application.start_transfer import StartTransferHandler
from mixed_transfer.domain.transfer import Transfer
from mixed_transfer.gen.messages import LevelsRow
from mixed_transfer.gen.ports import Handlers, LevelsCopy, TransferRepository


def compose() -> Handlers:
    """Every handler, over PostgreSQL."""
    return assemble(
        transfers=transfer_repository(),
        levels=ProjectedRows(LevelsRow, name="levels", table="levels_copy", key="sku"),
    )


def assemble(*, transfers: TransferRepository[Transfer], levels: LevelsCopy) -> Handlers:
    """Every handler, over the repositories given: tests give some that live in memory."""
    return Handlers(
        start_transfer=StartTransferHandler(transfers, levels),
        settle_transfer=SettleTransferHandler(transfers),
        drop_transfer=DropTransferHandler(transfers),
        get_transfer=GetTransferHandler(transfers),
        search_transfers=SearchTransfersHandler(transfers),
        translate_transfer_flagged=translate_transfer_flagged,
        translate_transfer_rated=translate_transfer_rated,
    )
