"""Waived findings as facts of decision records. A record's name is made of rule and element, so that it never moves."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from fleetgen.analysis.explain import documentation
from fleetgen.analysis.waivers import Acceptance
from fleetgen.core import names
from fleetgen.facts.schema import DecisionFact
from fleetgen.model.fleet import Element, Service

_LONGEST = 120  # characters of a file's name without its ending; file systems end at 255 bytes


def decisions(accepted: Iterable[Acceptance]) -> tuple[DecisionFact, ...]:
    """One for each waiver that accepts something, by the name of its file."""
    files: dict[str, list[Acceptance]] = {}
    for each in accepted:
        files.setdefault(_file(each), []).append(each)
    return tuple(_decision(file, files[file]) for file in sorted(files))


def _decision(file: str, accepted: list[Acceptance]) -> DecisionFact:
    waiver = accepted[0].waiver
    page = documentation()[waiver.rule_id]
    return DecisionFact(
        file=file,
        rule=page.rule.id,
        rule_name=page.rule.name,
        severity=page.rule.severity,
        element=f"{_kind(waiver.element).replace('-', ' ')} `{waiver.element.name}`",
        about=page.title,
        does=page.what,
        why=page.why,
        reasons=tuple(str(each.waiver.reason) for each in accepted),
        findings=tuple(found.message for each in accepted for found in each.found),
    )


def _file(accepted: Acceptance) -> str:
    """`waive-rel-1--context-order`. No name has two dashes in a row, so that no two paths meet."""
    path = [element for element in accepted.path if not _said_by_context(element, accepted)]
    parts = [f"{_kind(element)}-{names.kebab(element.name)}" for element in path]
    name = "--".join((f"waive-{accepted.waiver.rule_id.lower()}", *(parts or ("fleet",))))
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}--{sha256(name.encode()).hexdigest()[:12]}"


def _said_by_context(element: Element, accepted: Acceptance) -> bool:
    """A service on the way that has the name of its context adds nothing."""
    on_the_way = element is not accepted.path[-1]
    return on_the_way and isinstance(element, Service) and element.name == accepted.path[0].name


def _kind(element: Element) -> str:
    return names.kebab(type(element).__name__)
