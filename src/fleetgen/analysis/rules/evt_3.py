"""A name that says nothing happened, or that something had.

## What it does
Looks for an event without a verb in the past in its name, and for a command whose name begins with a past participle
(`PlacedOrder`) or a gerund (`PlacingOrder`). Whether a command begins with a verb at all cannot be known.

## Why it is bad
An event is a fact; a command is a wish that may be refused. Where the names blur that, consumers treat a fact as a
request and answer it, and people in the room talk past each other.

## Example
```yaml
commands: {PlacingOrder: OrderPlacement}
```

## Use instead
```yaml
commands: {PlaceOrder: OrderPlaced}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.analysis.words import names_what_happened, names_what_to_do
from fleetgen.core.diagnostic import Severity


def check(view: View) -> Iterator[Finding]:
    """One finding a name."""
    for owned in view.owned:
        for command in owned.aggregate.commands:
            if not names_what_to_do(command.name):
                yield Finding(
                    element=command,
                    message=f"command `{command.name}` does not say what to do",
                    hint="begin with a verb in the imperative: `PlaceOrder`",
                )
        for event in owned.aggregate.events:
            if not names_what_happened(event.name):
                yield Finding(
                    element=event,
                    message=f"event `{event.name}` does not say what happened",
                    hint="use a verb in the past: `OrderPlaced`",
                )


RULE = Rule(id="EVT-3", name="name-in-wrong-tense", severity=Severity.WARNING, check=check)
