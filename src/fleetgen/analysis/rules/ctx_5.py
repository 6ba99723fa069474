"""The context map relates a context to itself, or two contexts twice.

## What it does
Looks for an edge from a context to itself, and for a pair of contexts with more than one edge, in whichever direction.

## Why it is bad
A context has one model, so it needs no agreement with itself. Two lines for one pair contradict each other sooner or
later: two contexts that depend on each other are partners, or one of the directions is to be cut.

## Example
```yaml
context-map:
  - order [S] -> shipping [C]
  - shipping [OHS] -> order [ACL]
```

## Use instead
```yaml
context-map:
  - order [P] <-> shipping [P]
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Relation


def check(view: View) -> Iterator[Finding]:
    """One finding a line too many."""
    first: dict[frozenset[str], Relation] = {}
    for relation in view.fleet.relations:
        pair = frozenset({relation.upstream, relation.downstream})
        if len(pair) == 1:
            yield Finding(
                element=relation,
                message=f"`{relation.upstream}` is related to itself",
                hint="remove the line",
            )
        elif pair in first:
            yield Finding(
                element=relation,
                message=f"`{relation.upstream}` and `{relation.downstream}` are related twice",
                hint="keep one line; where both need each other, write `[P] <-> [P]`",
                related=(("the other line", first[pair].span),),
            )
        else:
            first[pair] = relation


RULE = Rule(id="CTX-5", name="self-or-duplicate-edge", severity=Severity.ERROR, check=check)
