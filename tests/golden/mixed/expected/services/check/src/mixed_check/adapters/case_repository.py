"""Keeps every `Case` in PostgreSQL."""

from __future__ import annotations

from chassis.aggregates import AggregateTable

from mixed_check.domain.case_ import Case
from mixed_check.gen.ports import CaseRepository


def case_repository() -> CaseRepository[Case]:
    """One row of table `cases` for a case."""
    return AggregateTable(Case, table="cases", key="id")
