"""A choreography that nobody can follow.

## What it does
Counts the contexts that take part in a choreographed saga, and warns above four.

## Why it is bad
In a choreography the course of events is written nowhere: each participant knows its neighbours. With five and more
nobody can say where a transaction stands, and a new step has to be threaded into several services.

## Example
```yaml
sagas:
  checkout:
    mode: choreography
    steps: [PlaceOrder / CancelOrder, ReserveStock / ReleaseStock, pivot TakePayment, CreateShipment, AwardPoints]
```

## Use instead
```yaml
sagas:
  checkout:
    mode: orchestration
    steps: [PlaceOrder / CancelOrder, ReserveStock / ReleaseStock, pivot TakePayment, CreateShipment, AwardPoints]
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule, quoted
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity

_MOST = 4  # contexts


def check(view: View) -> Iterator[Finding]:
    """One finding a saga."""
    owner = view.fleet.context_of
    for saga in view.fleet.sagas:
        commands = (step.command.name for step in saga.steps)
        contexts = tuple(dict.fromkeys(owner[name].name for name in commands if name in owner))
        if saga.mode == "choreography" and len(contexts) > _MOST:
            yield Finding(
                element=saga,
                message=f"saga `{saga.name}` is a choreography of {len(contexts)} contexts ({quoted(contexts)}), more "
                f"than {_MOST}",
                hint="write `mode: orchestration`",
            )


RULE = Rule(id="SAGA-4", name="long-choreography", severity=Severity.WARNING, check=check)
