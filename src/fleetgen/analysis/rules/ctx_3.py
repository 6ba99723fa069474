"""A context both translates and adopts the model of its upstream.

## What it does
Looks for an edge whose downstream has `ACL` and `CF`.

## Why it is bad
A conformist takes the upstream's model over as it is; an anti-corruption layer is there to keep it out. Nobody can
tell which of the two the code should do.

## Example
```yaml
context-map:
  - catalog [OHS, PL] -> order [ACL, CF]
```

## Use instead
```yaml
context-map:
  - catalog [OHS, PL] -> order [ACL]
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
        if not relation.symmetric and {"ACL", "CF"} <= set(relation.downstream_roles):
            yield Finding(
                element=relation,
                message=f"`{relation.downstream}` both keeps out and adopts the model of `{relation.upstream}`",
                hint="keep `ACL` where the model differs, `CF` where it is good enough",
            )


RULE = Rule(id="CTX-3", name="translate-and-conform", severity=Severity.ERROR, check=check)
