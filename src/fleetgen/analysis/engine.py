"""Run all rules over a fleet. A rule is found by its file: nothing has to be registered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fleetgen.analysis import rules as rules_package
from fleetgen.analysis.rule import Rule
from fleetgen.analysis.view import View
from fleetgen.analysis.waivers import Found, review
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


def lint(fleet: Fleet, stacks: Collection[str] | None = None) -> tuple[Diagnostic, ...]:
    """What the rules have to say, waivers applied. `stacks` are those that can be generated; None: any."""
    view = View(
        fleet=fleet,
        stacks=None if stacks is None else frozenset(stacks),
        rules=frozenset(rule.id for rule in catalogue()),
        waivable=frozenset(rule.id for rule in catalogue() if rule.waivable),
    )
    stay, waivers = review(view, _found(view, "fleet"))
    late = _found(replace(view, waivers=waivers), "waivers")
    return ordered(rule.diagnose(finding) for rule, finding in (*stay, *late))


def _found(view: View, stage: str) -> Iterable[Found]:
    return [(rule, finding) for rule in catalogue() if rule.stage == stage for finding in rule.check(view)]
