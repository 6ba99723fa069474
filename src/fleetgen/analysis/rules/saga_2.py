"""A saga with two points of no return, or with an undo that never runs.

## What it does
Looks for a second pivot in a saga, and for an undo on the pivot or on a step after it.

## Why it is bad
The pivot is the step that decides: before it everything can be taken back, after it the saga only goes forward. A
second pivot cannot be both, and an undo at or after the pivot is code that nobody will ever see run.

## Example
```yaml
steps:
  - PlaceOrder / CancelOrder
  - pivot CapturePayment
  - ConfirmOrder / CancelOrder
```

## Use instead
```yaml
steps:
  - PlaceOrder / CancelOrder
  - pivot CapturePayment
  - ConfirmOrder
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a step."""
    for saga in view.fleet.sagas:
        pivots = [step for step in saga.steps if step.kind == "pivot"]
        for step in pivots[1:]:
            yield Finding(
                element=step,
                message=f"step `{step.name}` is a second pivot of saga `{saga.name}`",
                hint="keep the pivot at the step that decides",
                related=((f"the first pivot, `{pivots[0].name}`", pivots[0].span),),
            )
        for step in saga.steps:
            if step.undo is not None and step.kind != "compensatable":
                place = "is the pivot" if step.kind == "pivot" else "comes after the pivot"
                yield Finding(
                    element=step,
                    message=f"step `{step.name}` {place} of saga `{saga.name}`, so its undo "
                    f"`{step.undo.name}` never runs",
                    hint=f"drop `/ {step.undo.name}`, or put the step before the pivot",
                )


RULE = Rule(id="SAGA-2", name="undo-after-pivot", severity=Severity.WARNING, check=check)
