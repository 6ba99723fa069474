"""A line of the context map that nothing runs along.

## What it does
Looks for a line of `context-map` between two contexts that exchange no event, command or call. A shared kernel (`SK`)
is left alone: what two contexts share in code is not in the specification.

## Why it is bad
A map with lines that mean nothing is read with a shrug, and then the lines that matter are too. Often it is a
dependency that was planned, or one that was cut and forgotten.

## Example
```yaml
context-map:
  - account [S] -> transaction [C]       # transaction reads and calls nothing of account, nor the other way round
```

## Use instead
```yaml
contexts:
  transaction:
    copies: {holders: {from: [AccountOpened], key: accountId}}
context-map:
  - account [S] -> transaction [C]
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a line. That a context has a line to itself is another rule's."""
    for relation in view.fleet.relations:
        pair = frozenset((relation.upstream, relation.downstream))
        if len(pair) > 1 and "SK" not in relation.upstream_roles and pair not in view.traffic:
            yield Finding(
                element=relation,
                message=f"nothing runs between `{relation.upstream}` and `{relation.downstream}`: no event, no "
                "command, no call",
                hint="remove the line, or add what it stands for",
            )


RULE = Rule(id="CTX-7", name="dead-relationship", severity=Severity.INFORMATION, check=check)
