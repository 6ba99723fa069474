"""Contexts that talk without a line in the context map.

## What it does
Looks for two contexts between which events, commands or calls run, and which no line of `context-map` joins, whichever
way round. A fleet without any map is left alone. Where one of the two is generic, it is said as information only.

## Why it is bad
The map says who has to follow whom when a model changes. A dependency that is not in it was never talked about: the
first change of an event breaks a team that nobody knew was reading.

## Example
```yaml
context-map:
  - catalog [OHS, PL] -> order [ACL]
contexts:
  shipping:
    policies: {OrderConfirmed: DispatchShipment}     # order and shipping have no line
```

## Use instead
```yaml
context-map:
  - catalog [OHS, PL] -> order [ACL]
  - order [OHS, PL] -> shipping [ACL]
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import count
from fleetgen.analysis.graph import Edge
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Context

_SHOWN = 3  # of the messages between two contexts


def check(view: View) -> Iterator[Finding]:
    """One finding a pair, at the context that reads or calls first."""
    if not view.fleet.relations:
        return
    mapped = {frozenset((relation.upstream, relation.downstream)) for relation in view.fleet.relations}
    for pair, edges in view.traffic.items():
        if pair not in mapped:
            yield _unmapped(view, edges)


def _unmapped(view: View, edges: tuple[Edge, ...]) -> Finding:
    source, target = (view.fleet.context_of[name] for name in (edges[0].source, edges[0].target))
    more = len(edges) - 1
    also = f", and {count(more, 'message')} more" if more else ""
    return Finding(
        element=source,
        span=edges[0].span,
        message=f"the context map has no line between `{source.name}` and `{target.name}`, but {edges[0].text}{also}",
        hint=f"add `- {target.name} [OHS, PL] -> {source.name} [ACL]`, or what the two teams agree on",
        related=tuple((edge.text, edge.span) for edge in edges[1:_SHOWN]),
        severity=Severity.INFORMATION if _generic(source) or _generic(target) else None,
    )


def _generic(context: Context) -> bool:
    return context.subdomain == "generic"


RULE = Rule(id="CTX-6", name="unmapped-traffic", severity=Severity.WARNING, check=check)
