"""What a lint rule is: an id, a name, a weight, and a function from a view of the fleet to findings.

A rule lives in one file under `rules/`. The module's docstring is its documentation, in four headings
(`What it does`, `Why it is bad`, `Example`, `Use instead`); the module constant `RULE` is all the engine looks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fleetgen.core.diagnostic import Diagnostic, Severity, Span
from fleetgen.model.fleet import Element

if TYPE_CHECKING:
    from fleetgen.analysis.view import View

_ID = re.compile(r"([A-Z]+)-([0-9]+)")


@dataclass(frozen=True, kw_only=True, eq=False)
class Finding:
    """One thing a rule objects to. It points at `element`, and a waiver on it or on what encloses it accepts it."""

    element: Element
    message: str
    hint: str = ""
    span: Span | None = None  # where the element's own place is not exact enough
    related: tuple[tuple[str, Span], ...] = ()
    severity: Severity | None = None  # where this one weighs less than the rule


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of the catalogue.

    `stage` is `waivers` for the few rules that judge the waivers themselves, after all others ran. A rule that is not
    `waivable` guards what the generated fleet cannot do without.
    """

    id: str
    name: str
    severity: Severity
    check: Callable[[View], Iterable[Finding]]
    stage: Literal["fleet", "waivers"] = "fleet"
    waivable: bool = True

    @property
    def sort_key(self) -> tuple[str, int]:
        """`CTX-2` stands before `CTX-11`."""
        return id_key(self.id)

    def diagnose(self, finding: Finding) -> Diagnostic:
        """The finding as everyone else sees it."""
        return Diagnostic(
            code=self.id,
            name=self.name,
            severity=finding.severity or self.severity,
            message=finding.message,
            span=finding.span or finding.element.span,
            hint=finding.hint,
            related=finding.related,
        )


def id_key(rule_id: str) -> tuple[str, int]:
    """The order of the catalogue: by family, then by number."""
    matched = _ID.fullmatch(rule_id)
    if matched is None:
        raise ValueError(f"{rule_id!r} is not the id of a rule: a family in capitals, a dash, a number")
    return matched[1], int(matched[2])


def quoted(names: Iterable[str]) -> str:
    """Names in backticks, as messages give them: `` `a`, `b` and `c` ``."""
    listed = [f"`{name}`" for name in names]
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}" if listed else ""
