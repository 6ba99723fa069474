"""Waivers: which findings the specification accepts, and which of its waivers accept something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View, Waiver
from fleetgen.core.diagnostic import Diagnostic, Span, ordered
from fleetgen.model.fleet import Element

Found = tuple[Rule, Finding]
_Key = tuple[str, str, Span]


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """What one waiver accepts. `path` leads from below the fleet to its element; empty: the fleet itself."""

    waiver: Waiver
    path: tuple[Element, ...]
    found: tuple[Diagnostic, ...]


@dataclass(frozen=True, kw_only=True)
class Review:
    """The findings that stay, every waiver that is written, and what those of use accept, in the order written."""

    stay: tuple[Found, ...]
    waivers: tuple[Waiver, ...]
    accepted: tuple[Acceptance, ...]


def review(view: View, found: Iterable[Found]) -> Review:
    """Part the findings that stay from those that are waived, and say of each waiver whether it was of use."""
    stay: list[Found] = []
    used: dict[_Key, list[Diagnostic]] = {}
    for rule, finding in found:
        accepting = [element for element in view.enclosing(finding.element) if _accepts(element, rule)]
        for key in {_key(element, rule.id) for element in accepting}:
            used.setdefault(key, []).append(rule.diagnose(finding))
        if not accepting:
            stay.append((rule, finding))
    waivers = _waivers(view, used.keys())
    return Review(stay=tuple(stay), waivers=waivers, accepted=_accepted(view, waivers, used))


def _accepts(element: Element, rule: Rule) -> bool:
    """A waiver without a reason accepts nothing: the reason becomes a decision record."""
    return rule.waivable and rule.id in element.waive and bool(element.waive[rule.id].strip())


def _accepted(view: View, waivers: tuple[Waiver, ...], used: dict[_Key, list[Diagnostic]]) -> tuple[Acceptance, ...]:
    return tuple(
        Acceptance(
            waiver=waiver,
            path=tuple(reversed(view.enclosing(waiver.element)[:-1])),
            found=ordered(used[_key(waiver.element, waiver.rule_id)]),
        )
        for waiver in sorted(waivers, key=lambda waiver: waiver.reason.span)
        if waiver.used
    )


def _waivers(view: View, used: Iterable[_Key]) -> tuple[Waiver, ...]:
    of_use = set(used)
    written: dict[_Key, Waiver] = {}
    for element in view.elements:
        for rule_id, reason in element.waive.items():
            key = _key(element, rule_id)
            written.setdefault(key, Waiver(element=element, rule_id=rule_id, reason=reason, used=key in of_use))
    return tuple(written.values())


def _key(element: Element, rule_id: str) -> _Key:
    """By place: a context and its only service are written as one and carry the same waiver."""
    return (rule_id, element.waive[rule_id], element.span)
