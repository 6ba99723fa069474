"""A service asks its stack for something that the stack does not give yet.

## What it does
Compares stores, APIs and patterns of every service with what its stack gives in this release.

## Why it is bad
The service would be generated with something else than what was asked for, and nobody would see it.

## Example
```yaml
contexts:
  analytics: {team: platform, stack: python, stores: {primary: clickhouse}}
```

## Use instead
`fleetgen new --stack python` replaces it and keeps what was asked for in sight:
```yaml
contexts:
  analytics: {team: platform, stack: python, stores: {primary: postgresql}, asked: {stores: {primary: clickhouse}}}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Service
from fleetgen.model.stacks import STACKS


def check(view: View) -> Iterator[Finding]:
    """One finding for each thing that is not given. Silent when nobody says what can be generated."""
    if view.stacks is None:
        return
    for service in view.fleet.services:
        for what in _lacking(service):
            yield Finding(
                element=service,
                message=f"service `{service.name}` asks for {what}, which stack `{service.stack}` does not give yet",
                hint=f"`fleetgen new --stack {service.stack}` writes what is given instead, and keeps what was asked",
            )


def _lacking(service: Service) -> Iterator[str]:
    gives = STACKS.get(service.stack)
    if gives is None:
        return
    for role, kind in service.stores.items():
        if kind not in gives.stores:
            yield f"{role} store `{kind}`"
    for api in service.api:
        if api not in gives.apis:
            yield f"api `{api}`"
    for pattern, asked in (("event-sourcing", service.sourced), ("cqrs", service.cqrs)):
        if asked and pattern not in gives.patterns:
            yield f"pattern `{pattern}`"


RULE = Rule(id="STK-3", name="not-given-by-stack", severity=Severity.ERROR, check=check, waivable=False)
