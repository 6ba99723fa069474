"""Puts the service together: the one place that knows every class."""

from __future__ import annotations

from mixed_check.adapters.case_repository import case_repository
from mixed_check.application.get_case import GetCaseHandler
from mixed_check.application.rate_transfer import RateTransferHandler
from mixed_check.application.search_cases import SearchCasesHandler
from mixed_check.application.sweep_cases import SweepCasesHandler
from mixed_check.domain.case_ import Case
from mixed_check.gen.ports import CaseRepository, Handlers


def compose() -> Handlers:
    """Every handler, over PostgreSQL."""
    return assemble(cases=case_repository())


def assemble(*, cases: CaseRepository[Case]) -> Handlers:
    """Every handler, over the repositories given: tests give some that live in memory."""
    return Handlers(
        rate_transfer=RateTransferHandler(cases),
        sweep_cases=SweepCasesHandler(cases),
        get_case=GetCaseHandler(cases),
        search_cases=SearchCasesHandler(cases),
    )
