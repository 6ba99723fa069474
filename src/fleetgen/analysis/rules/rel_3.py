"""One outage costs more than the whole error budget.

## What it does
Divides the downtime that an availability target allows in its window by the time a repair takes (`mttr`), and warns
where the result is below one.

## Why it is bad
The first incident of the window already breaks the target, however rare incidents are. Either the repair has to be
faster, or the target is a wish.

## Example
```yaml
slo: {availability: 99.99%, window: 30d, mttr: 15m}       # 4.32 minutes allowed
```

## Use instead
```yaml
slo: {availability: 99.9%, window: 30d, mttr: 15m}        # 43.2 minutes allowed
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.budget import error_budget, incidents_allowed
from fleetgen.analysis.figures import duration, number, percent
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Element, Fleet, Slo


def check(view: View) -> Iterator[Finding]:
    """One finding a target that is written: what a service inherits is reported where it is written."""
    if view.fleet.slo:
        yield from _target(view.fleet, view.fleet.slo, view.fleet.slo)
    for context in view.managed:
        for service in context.services:
            if service.slo and service.slo != view.fleet.slo:
                yield from _target(service, service.slo, view.fleet.slo)


def _target(owner: Element, slo: Slo, outer: Slo | None) -> Iterator[Finding]:
    mttr = slo.mttr if slo.mttr is not None else outer.mttr if outer else None
    if slo.availability is None or not mttr:
        return
    budget = error_budget(slo.availability, slo.window)
    allowed = incidents_allowed(budget, mttr)
    if round(allowed, 9) < 1:
        whose = "the fleet" if isinstance(owner, Fleet) else f"service `{owner.name}`"
        yield Finding(
            element=slo,
            message=f"{percent(slo.availability)} gives {whose} {duration(budget)} of downtime in "
            f"{duration(slo.window)}, but one repair takes {duration(mttr)}: {number(allowed)} incidents a window",
            hint=f"repair within {duration(budget)}, or promise less",
        )


RULE = Rule(id="REL-3", name="repair-over-budget", severity=Severity.WARNING, check=check)
