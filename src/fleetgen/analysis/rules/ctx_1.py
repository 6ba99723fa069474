"""A customer-supplier relationship carries the roles of another kind of relationship.

## What it does
Looks for an edge of the context map with `S` or `C` that also has `OHS` upstream or `CF` downstream.

## Why it is bad
A supplier plans with its customer. An open host serves everybody alike, and a conformist takes what it gets: both say
that nobody negotiates. The two teams read the same line in opposite ways.

## Example
```yaml
context-map:
  - inventory [S, OHS] -> order [C]
```

## Use instead
```yaml
context-map:
  - inventory [S] -> order [C]
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a contradicting role."""
    for relation in view.fleet.relations:
        if relation.symmetric or ("S" not in relation.upstream_roles and "C" not in relation.downstream_roles):
            continue
        edge = f"`{relation.upstream}` supplies `{relation.downstream}`"
        if "OHS" in relation.upstream_roles:
            yield Finding(
                element=relation,
                message=f"{edge} as a customer, and is an open host at once",
                hint="drop `OHS`, or drop `S` and `C`",
            )
        if "CF" in relation.downstream_roles:
            yield Finding(
                element=relation,
                message=f"{edge} as a customer that conforms at once",
                hint="drop `CF`, or drop `S` and `C`",
            )


RULE = Rule(id="CTX-1", name="customer-supplier-contradiction", severity=Severity.ERROR, check=check)
