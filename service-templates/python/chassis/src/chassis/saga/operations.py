"""Which manual interventions fit a saga: the same rules for orchestration and choreography. Pure."""

from __future__ import annotations

from chassis.saga.instance import LIVE, Operation, Status


def refusal(given: Operation, status: Status, *, backwards: bool, at_pivot: bool, passed: bool) -> str:
    """Why the operation does not fit, or nothing. `passed`: the pivot has, or for all that is known may have."""
    if status not in LIVE:
        return f"the saga is {status}"
    if given.name == "abort":
        return ""
    if status == "compensating" or (status == "running" and given.name == "retry"):
        return f"{given.name} is not possible while the saga is {status}"
    return "" if given.force or backwards else _needs_force(given, at_pivot, passed)


def _needs_force(given: Operation, at_pivot: bool, passed: bool) -> str:
    if given.name == "skip" and at_pivot:
        return "the pivot is skipped by force only"
    if given.name == "compensate" and passed:
        return "the pivot has passed, or may have: compensating needs force"
    return ""
