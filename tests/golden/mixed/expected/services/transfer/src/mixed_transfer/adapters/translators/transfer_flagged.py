"""`TransferFlagged` of context `check`, turned into this context's own term."""

from __future__ import annotations

from mixed_transfer.domain.seen_transfer_flagged import SeenTransferFlagged
from mixed_transfer.gen.upstream import TransferFlagged


def translate_transfer_flagged(event: TransferFlagged) -> SeenTransferFlagged:
    """Word it as this context does: rename, combine, leave out."""
    return SeenTransferFlagged(case_id=event.case_id, transfer_id=event.transfer_id, score=event.score)
