"""Each command on its own: accepted, refused, out of place."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from chassis.domain import Accepted, IllegalState
from chassis.message import from_wire

from examples import DROP_TRANSFER, SETTLE_TRANSFER, START_TRANSFER
from mixed_transfer.domain.transfer import TransferState, drop_transfer, settle_transfer, start_transfer
from mixed_transfer.gen.messages import (
    DropTransfer,
    SettleTransfer,
    StartTransfer,
    TransferDropped,
    TransferSettled,
    TransferStarted,
)

IDENTITY = UUID("018f3b6e-0000-7000-8000-000000000001")
KEY = {"id": str(IDENTITY)}


def test_start_transfer_is_accepted() -> None:
    decision = start_transfer(from_wire(StartTransfer, START_TRANSFER), IDENTITY)
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, TransferStarted)
    assert decision.state.state is TransferState.STARTED


def test_settle_transfer_is_accepted() -> None:
    transfer = start_transfer(from_wire(StartTransfer, START_TRANSFER), IDENTITY).state
    decision = settle_transfer(transfer, from_wire(SettleTransfer, SETTLE_TRANSFER | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, TransferSettled)
    assert decision.state.state is TransferState.SETTLED


def test_drop_transfer_is_accepted() -> None:
    transfer = start_transfer(from_wire(StartTransfer, START_TRANSFER), IDENTITY).state
    decision = drop_transfer(transfer, from_wire(DropTransfer, DROP_TRANSFER | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, TransferDropped)
    assert decision.state.state is TransferState.DROPPED


def test_settle_transfer_needs_its_state() -> None:
    transfer = start_transfer(from_wire(StartTransfer, START_TRANSFER), IDENTITY).state
    for state in [TransferState.SETTLED, TransferState.DROPPED]:
        elsewhere = replace(transfer, state=state)
        with pytest.raises(IllegalState):
            settle_transfer(elsewhere, from_wire(SettleTransfer, SETTLE_TRANSFER | KEY))


def test_drop_transfer_needs_its_state() -> None:
    transfer = start_transfer(from_wire(StartTransfer, START_TRANSFER), IDENTITY).state
    for state in [TransferState.SETTLED, TransferState.DROPPED]:
        elsewhere = replace(transfer, state=state)
        with pytest.raises(IllegalState):
            drop_transfer(elsewhere, from_wire(DropTransfer, DROP_TRANSFER | KEY))
