"""What other contexts publish, in this context's own terms. Change it together with the translators."""

from __future__ import annotations

from chassis.message import from_wire, to_wire

from examples import TRANSFER_FLAGGED, TRANSFER_RATED
from mixed_transfer.adapters.translators.transfer_flagged import translate_transfer_flagged
from mixed_transfer.adapters.translators.transfer_rated import translate_transfer_rated
from mixed_transfer.gen.upstream import TransferFlagged, TransferRated


def test_transfer_flagged_is_told_in_our_own_terms() -> None:
    event = from_wire(TransferFlagged, TRANSFER_FLAGGED)
    assert to_wire(translate_transfer_flagged(event)) == TRANSFER_FLAGGED


def test_transfer_rated_is_told_in_our_own_terms() -> None:
    event = from_wire(TransferRated, TRANSFER_RATED)
    assert to_wire(translate_transfer_rated(event)) == TRANSFER_RATED
