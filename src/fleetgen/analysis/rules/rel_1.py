"""A service promises more than what it calls can give.

## What it does
Multiplies the availability of all services that a service must call to answer, each once, with the share the service
keeps for itself (half of the downtime its target allows), and compares the product with the target. A service without
a target of its own has the fleet's. Events and saga commands do not count: they may wait.

## Why it is bad
A service that needs others at the moment of the call is down whenever one of them is. No code of its own makes up for
that; the promise is broken from the first day, and the error budget is spent by others.

## Example
```yaml
slo: {availability: 99.99%}
sagas:
  transfer:
    mode: orchestration
    steps:
      - InitiateTransfer / RejectTransfer
      - {call: ScoreTransaction, undo: none}       # risk promises 99.99 % too
      - pivot SettleTransfer
```

## Use instead
```yaml
slo: {availability: 99.99%}
contexts:
  risk:
    slo: {availability: 99.995%}                   # or let the step be a message: drop `call`
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.availability import hard_dependencies, needed_for, own_share, serial, target_of
from fleetgen.analysis.figures import percent
from fleetgen.analysis.rule import Finding, Rule, quoted
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Service

_TOLERANCE = 1e-12  # products of floats; a target has at most seven nines


def check(view: View) -> Iterator[Finding]:
    """One finding a service. A dependency without any target is taken as always there: nothing is known of it."""
    for context in view.managed:
        for service in context.services:
            yield from _service(view, service)


def _service(view: View, service: Service) -> Iterator[Finding]:
    target = target_of(view.fleet, service)
    needed = hard_dependencies(view.graph, service.name)
    if target is None or not needed:
        return
    reached = serial(own_share(target), (target_of(view.fleet, view.services[name]) or 1.0 for name in needed))
    if reached < target - _TOLERANCE:
        yield Finding(
            element=service,
            message=f"service `{service.name}` promises {percent(target)}, but with its calls to {quoted(needed)} it "
            f"reaches {percent(reached)}",
            hint=f"call by message instead, or raise what is called to {percent(needed_for(target, len(needed)))}, or "
            "promise less",
            related=tuple((edge.text, edge.span) for edge in view.graph.calls.edges if edge.source == service.name),
        )


RULE = Rule(id="REL-1", name="impossible-availability", severity=Severity.ERROR, check=check)
