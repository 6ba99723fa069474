"""Services that wait for each other in a ring.

## What it does
Looks for a cycle of synchronous calls between services.

## Why it is bad
When one of them is slow, all are: each holds a connection while it waits for the next, and the ring locks up. None can
be deployed or started first, and their availabilities multiply.

## Example
```yaml
sagas:
  checkout:
    mode: orchestration
    steps: [PlaceOrder / CancelOrder, call AuthorizePayment / VoidPayment]      # order calls payment
  refund:
    mode: orchestration
    steps: [RequestRefund / DropRefund, call CancelOrder]                       # payment calls order
```

## Use instead
```yaml
sagas:
  checkout:
    mode: orchestration
    steps: [PlaceOrder / CancelOrder, AuthorizePayment / VoidPayment]           # by command message
  refund:
    mode: orchestration
    steps: [RequestRefund / DropRefund, call CancelOrder]
```
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fleetgen.analysis.graph import Edge
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Element


def check(view: View) -> Iterator[Finding]:
    """One finding a ring, at the first call of it; the others are related places."""
    calls = view.graph.calls
    for component in calls.components:
        ring = calls.cycle(component)
        edges = [calls.between(source, target)[0] for source, target in pairwise(ring)]
        others = len(component) - len(set(ring))
        more = f" ({others} more are caught in it)" if others else ""
        yield Finding(
            element=_element(view, edges),
            span=edges[0].span,
            message=f"services call each other in a ring: {' -> '.join(f'`{name}`' for name in ring)}{more}",
            hint="let one of them send a command or listen to an event instead of calling, or make them one service",
            related=tuple((edge.text, edge.span) for edge in edges[1:]),
        )


def _element(view: View, edges: list[Edge]) -> Element:
    """The step where the first call is written, so that a waiver there is found."""
    steps = (step for saga in view.fleet.sagas for step in saga.steps if step.call)
    return next((step for step in steps if step.command.name == edges[0].message), view.fleet)


RULE = Rule(id="CPL-1", name="ring-of-calls", severity=Severity.ERROR, check=check)
