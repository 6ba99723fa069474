"""A customer protects itself from its own supplier.

## What it does
Looks for a customer-supplier edge (`S` or `C`) whose downstream has an anti-corruption layer (`ACL`).

## Why it is bad
A customer has a say in what its supplier offers. A translation layer costs code, tests and delay at a place where a
conversation would do.

## Example
```yaml
context-map:
  - inventory [S] -> order [C, ACL]
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
    """One finding an edge."""
    for relation in view.fleet.relations:
        negotiated = "S" in relation.upstream_roles or "C" in relation.downstream_roles
        if negotiated and not relation.symmetric and "ACL" in relation.downstream_roles:
            yield Finding(
                element=relation,
                message=f"`{relation.downstream}` is a customer of `{relation.upstream}` and still keeps an "
                "anti-corruption layer",
                hint="agree on the model and drop `ACL`, or drop `S` and `C`",
            )


RULE = Rule(id="CTX-2", name="needless-anti-corruption-layer", severity=Severity.WARNING, check=check)
