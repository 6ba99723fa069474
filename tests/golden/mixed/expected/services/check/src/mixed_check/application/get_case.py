"""`GetCase`, a query for a case."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from mixed_check.domain.case_ import Case
from mixed_check.gen.messages import GetCase, GetCaseResult
from mixed_check.gen.ports import CaseRepository


@dataclass(frozen=True)
class GetCaseHandler:
    """Answers `GetCase`."""

    cases: CaseRepository[Case]

    def __call__(self, query: GetCase, work: UnitOfWork, /) -> GetCaseResult:
        """Give one; `NotFound` is raised where there is none."""
        case_ = self.cases.read(work, query.id)
        return GetCaseResult(
            id=case_.id,
            transfer_id=case_.transfer_id,
            score=case_.score,
            at=case_.at,
            day=case_.day,
            lasts=case_.lasts,
            link=case_.link,
            more=case_.more,
            open=case_.open,
            note=case_.note,
        )
