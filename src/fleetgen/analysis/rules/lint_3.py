"""A waiver without a reason.

## What it does
Looks for a `waive` entry whose text is empty. Such a waiver accepts nothing: its finding is reported as well.

## Why it is bad
The reason is what the next reader needs, and it becomes a decision record. A waiver without one only says that somebody
wanted the message to go away.

## Example
```yaml
waive: {REL-3: ""}
```

## Use instead
```yaml
waive: {REL-3: the regulator accepts one breach a quarter while the on-call rota is being built}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a waiver."""
    for waiver in view.waivers:
        if not waiver.reason.strip():
            yield Finding(
                element=waiver.element,
                span=waiver.reason.span,
                message=f"the waiver of `{waiver.rule_id}` at `{waiver.element.name}` gives no reason",
                hint="say why it is accepted here; until then it accepts nothing",
            )


RULE = Rule(
    id="LINT-3", name="waiver-without-reason", severity=Severity.ERROR, check=check, stage="waivers", waivable=False
)
