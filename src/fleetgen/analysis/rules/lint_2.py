"""A waiver names a rule that is not there, or one that cannot be waived.

## What it does
Looks for a key of `waive` that is no id of a rule that can be waived.

## Why it is bad
The writer believes that a finding is accepted, and it is not. Some rules guard what the generated fleet cannot work
without; a waiver would only move the failure from the lint to the build.

## Example
```yaml
waive: {SAGA-11: compensated by hand}
```

## Use instead
```yaml
waive: {SAGA-1: compensated by hand}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.spec.codes import nearest


def check(view: View) -> Iterator[Finding]:
    """One finding a waiver, with the nearest rule."""
    for waiver in view.waivers:
        if waiver.rule_id in view.waivable:
            continue
        near = nearest(waiver.rule_id, view.waivable)
        known = waiver.rule_id in view.rules
        instead = f"write `{near}`" if near else "see `fleetgen explain`"
        what = "which cannot be waived" if known else "which is no rule"
        yield Finding(
            element=waiver.element,
            span=waiver.reason.span,
            message=f"`{waiver.element.name}` waives `{waiver.rule_id}`, {what}",
            hint="mend what it reports" if known else instead,
        )


RULE = Rule(
    id="LINT-2", name="waiver-of-no-rule", severity=Severity.ERROR, check=check, stage="waivers", waivable=False
)
