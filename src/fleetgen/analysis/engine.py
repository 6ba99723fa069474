"""Run all rules over a fleet. A rule is found by its file: nothing has to be registered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fleetgen.analysis import rules as rules_package
from fleetgen.analysis.rule import Rule
from fleetgen.analysis.view import View
from fleetgen.analysis.waivers import Acceptance, Found, review
from fleetgen.core.diagnostic import Diagnostic, ordered
from fleetgen.model.fleet import Fleet


@cache
def catalogue() -> tuple[Rule, ...]:
    """Every rule, in the order of ids."""
    names = (module.name for module in iter_modules(rules_package.__path__))
    found: list[Rule] = [import_module(f"{rules_package.__name__}.{name}").RULE for name in names]
    found.sort(key=lambda rule: rule.sort_key)
    twice = {rule.id for rule in found if [other.id for other in found].count(rule.id) > 1}
    if twice:
        raise RuntimeError(f"two files hold rule {', '.join(sorted(twice))}")
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the rules have to say, and what of it the specification accepts."""

    diagnostics: tuple[Diagnostic, ...]
    accepted: tuple[Acceptance, ...]


def judge(fleet: Fleet, stacks: Collection[str] | None = None) -> Verdict:
    """Run all rules and apply the waivers. `stacks` are those that can be generated; None: any."""
    view = View(
        fleet=fleet,
        stacks=None if stacks is None else frozenset(stacks),
        rules=frozenset(rule.id for rule in catalogue()),
        waivable=frozenset(rule.id for rule in catalogue() if rule.waivable),
    )
    reviewed = review(view, _found(view, "fleet"))
    late = _found(replace(view, waivers=reviewed.waivers), "waivers")
    return Verdict(
        diagnostics=ordered(rule.diagnose(finding) for rule, finding in (*reviewed.stay, *late)),
        accepted=reviewed.accepted,
    )


def lint(fleet: Fleet, stacks: Collection[str] | None = None) -> tuple[Diagnostic, ...]:
    """What the rules have to say, waivers applied."""
    return judge(fleet, stacks).diagnostics


def _found(view: View, stage: str) -> Iterable[Found]:
    return [(rule, finding) for rule in catalogue() if rule.stage == stage for finding in rule.check(view)]
