"""Services that listen to each other in a ring.

## What it does
Looks for a ring of services in which each reads events of the next. A ring that a choreographed saga closes, or two
contexts that declare a partnership (`P`), is said as information only: there the mutual dependence is meant.

## Why it is bad
An event that goes round comes back as a cause of itself: the services cannot be understood, tested or replayed one
without the others, and a mistake in one of them circles.

## Example
```yaml
contexts:
  order:
    policies: {StockAllocated: ConfirmOrder}
  inventory:
    policies: {OrderConfirmed: AllocateStock}
```

## Use instead
```yaml
contexts:
  inventory:
    policies: {OrderConfirmed: AllocateStock}
sagas:
  ordering:
    mode: orchestration            # one service sees the whole, and sends commands
    steps: [PlaceOrder / CancelOrder, ReserveStock, ConfirmOrder]
```
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fleetgen.analysis.graph import Edge, Graph
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a ring that nobody declared; where there is none in a component, one for the component."""
    events = view.graph.only("event")
    partners = _partners(view)
    undeclared = Graph(events.nodes, tuple(edge for edge in events.edges if not _declared(view, edge, partners)))
    caught = {name for component in undeclared.components for name in component}
    for component in undeclared.components:
        yield _ring(view, undeclared, component, None)
    for component in events.components:
        if not caught.intersection(component):
            yield _ring(view, events, component, Severity.INFORMATION)


def _partners(view: View) -> set[frozenset[str]]:
    lines = (relation for relation in view.fleet.relations if "P" in relation.upstream_roles)
    return {frozenset((line.upstream, line.downstream)) for line in lines}


def _declared(view: View, edge: Edge, partners: set[frozenset[str]]) -> bool:
    contexts = frozenset(view.fleet.context_of[name].name for name in (edge.source, edge.target))
    return edge.through.startswith("saga ") or contexts in partners


def _ring(view: View, graph: Graph, component: tuple[str, ...], severity: Severity | None) -> Finding:
    ring = graph.cycle(component)
    edges = [graph.between(source, target)[0] for source, target in pairwise(ring)]
    others = len(component) - len(set(ring))
    more = f" ({others} more are caught in it)" if others else ""
    return Finding(
        element=view.fleet.context_of[ring[0]],
        span=edges[0].span,
        message=f"services listen to each other in a ring: {' -> '.join(f'`{name}`' for name in ring)}{more}",
        hint="let an orchestrated saga conduct them, or take out one of the events",
        related=tuple((edge.text, edge.span) for edge in edges[1:]),
        severity=severity,
    )


RULE = Rule(id="CPL-2", name="ring-of-events", severity=Severity.WARNING, check=check)
