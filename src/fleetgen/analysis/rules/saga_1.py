"""A saga's step before the pivot has no way back.

## What it does
Looks for a step that may have to be undone, and neither has an undo nor says `undo: none`. The last step of a saga
without a pivot needs none: nothing comes after it that could fail.

## Why it is bad
When a later step refuses, the saga goes back through all steps before it. A step without an undo leaves its effect
behind: stock stays reserved, money stays blocked.

## Example
```yaml
steps:
  - PlaceOrder / CancelOrder
  - ReserveStock
  - pivot CapturePayment
```

## Use instead
```yaml
steps:
  - PlaceOrder / CancelOrder
  - ReserveStock / ReleaseStock
  - pivot CapturePayment
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
        for step in saga.steps[:-1]:
            if step.kind == "compensatable" and step.undo is None and not step.no_undo:
                yield Finding(
                    element=step,
                    message=f"step `{step.name}` of saga `{saga.name}` can commit but has no undo",
                    hint=f"write `{step.name} / <command that undoes it>`, or `undo: none` where nothing is left to "
                    "undo, or put it after the pivot",
                )


RULE = Rule(id="SAGA-1", name="no-undo-before-pivot", severity=Severity.ERROR, check=check)
