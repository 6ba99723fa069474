"""A service gets something else than it asked for.

## What it does
Tells, once a service, what `fleetgen new --stack` put in the place of what the specification asked for. The fleet's own
`fleet.yaml` keeps what was asked under `asked`.

## Why it is bad
It is not bad, but it must be seen: a search index that is a table, or a GraphQL interface that is REST, behaves
differently under load and to its callers.

## Example
```yaml
contexts:
  catalog:
    stack: python
    stores: {primary: postgresql}
    asked: {stack: node, stores: {primary: mongodb}, api: [graphql]}
```

## Use instead
```yaml
contexts:
  catalog:
    stack: python
    stores: {primary: postgresql}      # `asked` removed: this is what is wanted now
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a service with replacements."""
    for service in view.fleet.services:
        if service.replacements:
            listed = ", ".join(f"`{given}` for {what} `{asked}`" for what, asked, given in service.replacements)
            yield Finding(
                element=service,
                message=f"service `{service.name}` gets {listed}",
            )


RULE = Rule(id="STK-2", name="replaced-by-stack", severity=Severity.INFORMATION, check=check)
