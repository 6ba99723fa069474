"""`SearchCases`, a query for a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chassis import paging
from chassis.work import UnitOfWork

from mixed_check.domain.case_ import Case
from mixed_check.gen.messages import SearchCases, SearchCasesResult
from mixed_check.gen.ports import CaseRepository


@dataclass(frozen=True)
class SearchCasesHandler:
    """Answers `SearchCases`."""

    cases: CaseRepository[Case]

    def __call__(
        self,
        query: SearchCases,
        page: paging.PageRequest,
        work: UnitOfWork,
        /,
    ) -> paging.Page[SearchCasesResult]:
        """Give those that match every filter that is set, in the order of their keys."""
        filters: dict[str, Any] = {
            "id": query.id,
            "transfer_id": query.transfer_id,
            "score": query.score,
            "at": query.at,
            "day": query.day,
            "link": query.link,
            "open": query.open,
        }
        found = self.cases.page(work, filters, page.after, page.limit)
        return paging.Page(tuple(_result(item) for item in found.items), found.next)


def _result(case_: Case) -> SearchCasesResult:
    return SearchCasesResult(
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
