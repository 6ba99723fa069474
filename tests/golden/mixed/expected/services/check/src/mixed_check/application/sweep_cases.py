"""`SweepCases`, a command on a case."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_check.domain.case_ import Case, sweep_cases
from mixed_check.gen.messages import CasesSwept, SweepCases
from mixed_check.gen.ports import CaseRepository


@dataclass(frozen=True)
class SweepCasesHandler:
    """Carries out `SweepCases`."""

    cases: CaseRepository[Case]

    def __call__(self, command: SweepCases, work: UnitOfWork, /) -> CasesSwept:
        """Give the event, which is published when the transaction commits."""
        return sweep_cases(command)
