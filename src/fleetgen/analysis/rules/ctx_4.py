"""A partnership or shared kernel carries a role that needs an upstream and a downstream.

## What it does
Looks for `OHS`, `PL`, `S`, `ACL`, `CF` or `C` on a symmetric edge (`<->`).

## Why it is bad
Partners and owners of a shared kernel are equals: neither serves, conforms or translates. A role with a direction on
an edge without one says nothing that code or a team could follow.

## Example
```yaml
context-map:
  - order [P, OHS] <-> shipping [P]
```

## Use instead
```yaml
context-map:
  - order [P] <-> shipping [P]
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule, quoted
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity

_SYMMETRIC = frozenset({"P", "SK"})


def check(view: View) -> Iterator[Finding]:
    """One finding an edge, with all roles that do not belong."""
    for relation in view.fleet.relations:
        roles = dict.fromkeys((*relation.upstream_roles, *relation.downstream_roles))
        directed = [role for role in roles if role not in _SYMMETRIC]
        if relation.symmetric and directed:
            yield Finding(
                element=relation,
                message=f"`{relation.upstream}` and `{relation.downstream}` are equals, but the edge says "
                f"{quoted(directed)}",
                hint="drop the role, or write the edge with `->`",
            )


RULE = Rule(id="CTX-4", name="role-on-symmetric-edge", severity=Severity.ERROR, check=check)
