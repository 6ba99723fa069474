"""A service is a technical layer instead of a capability.

## What it does
Looks for a context or service whose name is a layer (`api`, `ui`, `db`, `common`, …) or ends in one.

## Why it is bad
Every change of the business then passes through every layer, and so through every service and team. A service that can
be changed and deployed alone holds one capability from its interface down to its data.

## Example
```yaml
contexts:
  order-db: {subdomain: supporting, purpose: Tables of orders, team: orders}
```

## Use instead
```yaml
contexts:
  order: {subdomain: supporting, purpose: Order lifecycle and business rules, team: orders}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.core.names import words
from fleetgen.model.fleet import Context, Service

_LAYERS = frozenset(
    {"api", "backend", "bff", "crud", "dao", "database", "db", "frontend", "gui", "helper", "helpers", "infrastructure"}
    | {"lib", "middleware", "orm", "persistence", "presentation", "ui", "util", "utilities", "utils", "web"}
)
# Words that are a layer alone, but business in company: `shared-mobility`, `common-stock`.
_ALONE = frozenset({"base", "business", "common", "data", "logic", "misc", "service", "services", "shared", "storage"})


def check(view: View) -> Iterator[Finding]:
    """One finding a name: a context and the service that is written as it count once."""
    for context in view.managed:
        named: dict[str, Context | Service] = {service.name: service for service in context.services}
        named[context.name] = context
        for name, element in named.items():
            layer = _layer(name)
            if layer:
                what = "context" if isinstance(element, Context) else "service"
                yield Finding(
                    element=element,
                    message=f"{what} `{name}` is cut by layer: `{layer}` is no capability of the business",
                    hint="name what it does for the business, and let it own its interface and its data",
                )


def _layer(name: str) -> str:
    parts = words(name)
    if len(parts) == 1 and parts[0] in _ALONE:
        return parts[0]
    return parts[-1] if parts and parts[-1] in _LAYERS else ""


RULE = Rule(id="SVC-3", name="cut-by-layer", severity=Severity.ERROR, check=check)
