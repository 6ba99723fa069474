"""Events of one business transaction that lose their order.

## What it does
Compares the fields that partition the events of a choreographed saga. A step whose events have another one than those
of the first step is reported; a step that runs once for each item of a list is left alone, as its items have an order
of their own. In an orchestration the conductor keeps the order, whatever the keys are.

## Why it is bad
A broker keeps order within a partition only. When the order's events go by customer and the payment's by payment, a
participant may hear of the cancellation before the order itself.

## Example
```yaml
contexts:
  order:
    aggregates: {Order: {fields: {customerId: uuid}, partition-by: customerId}}
  payment:
    aggregates: {Payment: {fields: {orderId: uuid, customerId: uuid}}}        # goes by its own key
```

## Use instead
```yaml
contexts:
  order:
    aggregates: {Order: {fields: {customerId: uuid}, partition-by: customerId}}
  payment:
    aggregates: {Payment: {fields: {orderId: uuid, customerId: uuid}, partition-by: customerId}}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Saga


def check(view: View) -> Iterator[Finding]:
    """One finding a step. That a key is a field of its event is checked where the specification is read."""
    for saga in view.fleet.sagas:
        if saga.mode == "choreography":
            yield from _saga(saga)


def _saga(saga: Saga) -> Iterator[Finding]:
    first = saga.steps[0].command.emits
    for step in saga.steps[1:]:
        event = step.command.emits
        if event.key != first.key and step.for_each is None:
            carried = first.key in {field.name for field in event.fields}
            how = f"write `partition-by: {first.key}` at `{event.aggregate}`"
            yield Finding(
                element=step,
                message=f"`{event.name}` goes by `{event.key}`, but saga `{saga.name}` begins with `{first.name}`, "
                f"which goes by `{first.key}`",
                hint=how if carried else f"let `{event.aggregate}` have `{first.key}`, and {how}",
                related=((f"`{first.name}`", first.span), (f"`{event.name}`", event.span)),
            )


RULE = Rule(id="EVT-5", name="order-lost", severity=Severity.WARNING, check=check)
