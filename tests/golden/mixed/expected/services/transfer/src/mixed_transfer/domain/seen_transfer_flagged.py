"""This context's own term for what it hears from context `check`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenTransferFlagged:
    """What this context knows when context `check` says `TransferFlagged`."""

    case_id: UUID
    transfer_id: UUID
    score: Decimal
