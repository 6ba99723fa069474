"""A service that does too much.

## What it does
Looks for a service of more than five aggregates, and for one whose commands are more than the mean of all services and
three standard deviations. (The second needs eleven services with commands: among fewer, none can be so far out.)

## Why it is bad
It is the old monolith with a network in front: every change meets it, it scales as a whole, and one team cannot hold
it.

## Example
```yaml
contexts:
  sales:
    aggregates: {Quote: {}, Order: {}, Invoice: {}, Discount: {}, Return: {}, Contract: {}}
```

## Use instead
```yaml
contexts:
  sales:
    aggregates: {Quote: {}, Order: {}, Discount: {}, Contract: {}}
  billing:
    aggregates: {Invoice: {}, Return: {}}
```
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, pstdev

from fleetgen.analysis.figures import number
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Service

_AGGREGATES = 5
_DEVIATIONS = 3


def check(view: View) -> Iterator[Finding]:
    """One finding a service: its aggregates are said first."""
    sizes = [commands for service in view.fleet.services if (commands := _commands(service))]
    mean = fmean(sizes) if sizes else 0.0
    limit = mean + _DEVIATIONS * pstdev(sizes) if sizes else 0.0
    for service in view.fleet.services:
        aggregates, commands = len(service.aggregates), _commands(service)
        if aggregates > _AGGREGATES:
            yield _mega(service, f"has {aggregates} aggregates, more than {_AGGREGATES}")
        elif commands > limit:
            yield _mega(
                service, f"has {commands} commands, where the mean is {number(mean)} and {number(limit)} is far out"
            )


def _mega(service: Service, what: str) -> Finding:
    return Finding(
        element=service,
        message=f"service `{service.name}` {what}",
        hint="split it where its aggregates share no command, policy or team",
    )


def _commands(service: Service) -> int:
    return sum(len(aggregate.commands) for aggregate in service.aggregates)


RULE = Rule(id="SVC-1", name="mega-service", severity=Severity.WARNING, check=check)
