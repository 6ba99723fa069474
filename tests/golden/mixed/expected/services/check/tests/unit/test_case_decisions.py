"""Each command on its own: accepted, refused, out of place."""

from __future__ import annotations

from uuid import UUID

from chassis.domain import Accepted, Refused
from chassis.message import from_wire

from examples import RATE_TRANSFER, RATE_TRANSFER_REFUSED, SWEEP_CASES
from mixed_check.domain.case_ import rate_transfer, sweep_cases
from mixed_check.gen.messages import CasesSwept, RateTransfer, SweepCases, TransferFlagged, TransferRated

IDENTITY = UUID("018f3b6e-0000-7000-8000-000000000001")


def test_rate_transfer_is_accepted() -> None:
    decision = rate_transfer(from_wire(RateTransfer, RATE_TRANSFER), IDENTITY)
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, TransferRated)


def test_sweep_cases_is_accepted() -> None:
    event = sweep_cases(from_wire(SweepCases, SWEEP_CASES))
    assert isinstance(event, CasesSwept)


def test_rate_transfer_is_refused() -> None:
    decision = rate_transfer(from_wire(RateTransfer, RATE_TRANSFER_REFUSED), IDENTITY)
    assert isinstance(decision, Refused)
    assert isinstance(decision.event, TransferFlagged)
