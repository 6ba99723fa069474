"""A service asks for a stack that cannot be generated yet.

## What it does
Compares the stack of every service with the stacks that this release can generate.

## Why it is bad
There are no templates and no chassis to render the service from, so the fleet cannot be written whole.

## Example
```yaml
contexts:
  order: {subdomain: core, purpose: Order lifecycle, team: orders, stack: cobol}
```

## Use instead
```yaml
contexts:
  order: {subdomain: core, purpose: Order lifecycle, team: orders, stack: python}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule, quoted
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a service. Silent when nobody says what can be generated."""
    if view.stacks is None:
        return
    choices = sorted(view.stacks)
    for service in view.fleet.services:
        if service.stack not in view.stacks:
            yield Finding(
                element=service,
                message=f"service `{service.name}` asks for stack `{service.stack}`, which does not exist yet; choose "
                f"{quoted(choices) or 'none: no stack is installed'}",
                hint=_hint(service.stack, choices),
            )


def _hint(stack: str, choices: list[str]) -> str:
    own = f"`fleetgen templates add {stack} SOURCE` makes a template of your own that stack"
    return f"{own}; `fleetgen new --stack {choices[0]}` puts every service into another" if choices else own


RULE = Rule(id="STK-1", name="stack-not-available", severity=Severity.ERROR, check=check, waivable=False)
