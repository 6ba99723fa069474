"""A waiver that accepts nothing.

## What it does
Looks for a `waive` entry whose rule reports nothing at that element or inside it.

## Why it is bad
The reason for the waiver is gone, but the waiver stays and would hide the next, real finding. It also stands in the
decision records as if it were still true.

## Example
```yaml
waive: {SAGA-1: the audit log may keep cancelled orders}       # every step has an undo
```

## Use instead
```yaml
# nothing: remove the entry
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a waiver. Those of unknown rules or without a reason have findings of their own."""
    for waiver in view.waivers:
        if not waiver.used and waiver.reason.strip() and waiver.rule_id in view.waivable:
            yield Finding(
                element=waiver.element,
                span=waiver.reason.span,
                message=f"the waiver of `{waiver.rule_id}` at `{waiver.element.name}` accepts nothing",
                hint="remove it",
            )


RULE = Rule(
    id="LINT-1", name="waiver-of-nothing", severity=Severity.WARNING, check=check, stage="waivers", waivable=False
)
