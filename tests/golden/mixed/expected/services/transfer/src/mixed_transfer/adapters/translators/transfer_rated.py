"""`TransferRated` of context `check`, turned into this context's own term."""

from __future__ import annotations

from mixed_transfer.domain.seen_transfer_rated import SeenTransferRated
from mixed_transfer.gen.upstream import TransferRated


def translate_transfer_rated(event: TransferRated) -> SeenTransferRated:
    """Word it as this context does: rename, combine, leave out."""
    return SeenTransferRated(case_id=event.case_id, transfer_id=event.transfer_id, score=event.score)
