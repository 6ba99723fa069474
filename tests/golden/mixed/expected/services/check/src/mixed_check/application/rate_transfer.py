"""`RateTransfer`, a command on a case."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_check.domain.case_ import Case, rate_transfer
from mixed_check.gen.messages import RateTransfer, TransferFlagged, TransferRated
from mixed_check.gen.ports import CaseRepository


@dataclass(frozen=True)
class RateTransferHandler:
    """Carries out `RateTransfer`."""

    cases: CaseRepository[Case]

    def __call__(self, command: RateTransfer, work: UnitOfWork, /) -> TransferRated | TransferFlagged:
        """Give the event, which is published when the transaction commits."""
        decision = rate_transfer(command, work.new_id())
        self.cases.add(work, decision.state)
        return decision.event
