"""The aggregate `Case`: its state, and what it answers to each command.

Nothing here reads or writes anything: a decision is a function of the state and the command.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from chassis.domain import Accepted, Refused

from mixed_check.gen.messages import CasesSwept, RateTransfer, SweepCases, TransferFlagged, TransferRated


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A case as it is between two commands."""

    id: UUID
    transfer_id: UUID
    score: Decimal
    at: dt.datetime | None
    day: dt.date | None
    lasts: dt.timedelta | None
    link: str | None
    more: str | None
    open: bool
    note: str | None


def rate_transfer(
    command: RateTransfer,
    identity: UUID,
) -> Accepted[Case, TransferRated] | Refused[Case, TransferFlagged]:
    """Answer `RateTransfer`."""
    case_ = Case(
        id=identity,
        transfer_id=command.transfer_id,
        score=command.score,
        at=None,
        day=None,
        lasts=None,
        link=None,
        more=None,
        open=True,
        note=None,
    )
    if command.score > 100:
        refusal = TransferFlagged(case_id=case_.id, transfer_id=command.transfer_id, score=command.score)
        return Refused(case_, refusal)
    event = TransferRated(case_id=case_.id, transfer_id=command.transfer_id, score=command.score)
    return Accepted(case_, event)


def sweep_cases(command: SweepCases) -> CasesSwept:
    """Answer `SweepCases`."""
    return CasesSwept(scheduled_for=command.scheduled_for)
