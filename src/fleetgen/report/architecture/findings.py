"""What lint found, what was accepted for a reason, and how the tier is counted."""

from __future__ import annotations

from collections.abc import Sequence

from fleetgen.analysis.complexity import Complexity
from fleetgen.analysis.waivers import Acceptance
from fleetgen.core.diagnostic import Diagnostic
from fleetgen.report.architecture.markdown import page, plain, table
from fleetgen.report.architecture.subject import Subject

_FORCED = "Writing in several regions at once makes it DISTRIBUTED, whatever the points."


def findings_page(subject: Subject, found: Sequence[Diagnostic], accepted: Sequence[Acceptance]) -> str:
    """The page."""
    return page(
        "Findings",
        "## Open findings",
        _open(found) or "Lint finds nothing.",
        "## Accepted findings",
        _accepted(accepted) or "No finding is accepted.",
        "## How the tier is found",
        _tier(subject.measured),
    )


def _open(found: Sequence[Diagnostic]) -> str:
    rows = ((item.code, item.name, item.severity.value, plain(item.message), plain(item.hint)) for item in found)
    return table(("rule", "about", "weight", "finding", "advice"), rows)


def _accepted(accepted: Sequence[Acceptance]) -> str:
    """Findings that the specification waives, with its reasons."""
    rows = (
        (each.waiver.rule_id, plain(found.message), plain(each.waiver.reason))
        for each in accepted
        for found in each.found
    )
    return table(("rule", "found", "accepted, because"), rows)


def _tier(measured: Complexity) -> str:
    parts = (
        ("services", measured.services, "1 each"),
        ("sagas", measured.sagas, "2 each"),
        ("languages", measured.languages, "1 for each beyond the first"),
        ("kinds of store", measured.store_kinds, "1 for each beyond the first"),
        ("synchronous calls, also to external systems", measured.calls, "1 each"),
        ("regimes", measured.regimes, "2 each"),
        ("regions", measured.regions, "5 for each beyond the first"),
    )
    points = (
        f"{measured.points} points: SIMPLE up to 10, MODERATE up to 25, COMPLEX up to 45, DISTRIBUTED beyond, "
        f"so this fleet is {measured.tier}."
    )
    counted = table(("what", "count", "points"), ((what, str(count), weight) for what, count, weight in parts))
    return "\n\n".join((points, *((_FORCED,) if measured.active_active else ()), counted))
