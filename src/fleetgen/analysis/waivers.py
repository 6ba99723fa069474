"""Waivers: which findings the specification accepts, and which of its waivers accept something."""

from __future__ import annotations

from collections.abc import Iterable

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View, Waiver
from fleetgen.core.diagnostic import Span
from fleetgen.model.fleet import Element, Fleet

Found = tuple[Rule, Finding]
_Key = tuple[str, str, Span]


def review(view: View, found: Iterable[Found]) -> tuple[tuple[Found, ...], tuple[Waiver, ...]]:
    """Part the findings that stay from those that are waived, and say of each waiver whether it was of use."""
    stay: list[Found] = []
    used: set[_Key] = set()
    for rule, finding in found:
        accepting = [element for element in view.enclosing(finding.element) if _accepts(element, rule)]
        used |= {_key(element, rule.id) for element in accepting}
        if not accepting:
            stay.append((rule, finding))
    return tuple(stay), _waivers(view, used)


def _accepts(element: Element, rule: Rule) -> bool:
    """A waiver without a reason accepts nothing: the reason becomes a decision record."""
    return rule.waivable and rule.id in element.waive and bool(element.waive[rule.id].strip())


def accepted(fleet: Fleet) -> tuple[Waiver, ...]:
    """All that the specification accepts for a reason, in the order written."""
    waivers = (waiver for waiver in _waivers(View(fleet=fleet), set()) if waiver.reason.strip())
    return tuple(sorted(waivers, key=lambda waiver: waiver.reason.span))


def _waivers(view: View, used: set[_Key]) -> tuple[Waiver, ...]:
    written: dict[_Key, Waiver] = {}
    for element in view.elements:
        for rule_id, reason in element.waive.items():
            key = _key(element, rule_id)
            written.setdefault(key, Waiver(element=element, rule_id=rule_id, reason=reason, used=key in used))
    return tuple(written.values())


def _key(element: Element, rule_id: str) -> _Key:
    """By place: a context and its only service are written as one and carry the same waiver."""
    return (rule_id, element.waive[rule_id], element.span)
