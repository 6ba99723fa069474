"""A consumer that counts a message twice, or loses one.

## What it does
Looks for a service that reads events or takes part in a saga and whose primary store has no transactions over several
records: what it has seen cannot be committed together with what it did. Looks also for dead letters that are deleted
before the records they were made from.

## Why it is bad
Brokers deliver at least once. Without an inbox in the transaction of the effect, a record that comes twice has its
effect twice. And a dead letter that is gone before its record can only be noticed, not repeated.

## Example
```yaml
contexts:
  analytics:
    stores: {primary: clickhouse}
    subscribes: [OrderPlaced]
platform:
  events: {retention: 7d}
  dead-letters: {retention: 3d}
```

## Use instead
```yaml
contexts:
  analytics:
    stores: {primary: postgresql, analytics: clickhouse}
    subscribes: [OrderPlaced]
platform:
  events: {retention: 7d}
  dead-letters: {retention: 30d}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import duration
from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity

_WITHOUT_TRANSACTIONS = frozenset({"clickhouse", "elasticsearch", "opensearch", "redis"})


def check(view: View) -> Iterator[Finding]:
    """One finding a consumer, one for the platform."""
    readers = {edge.source for edge in view.graph.edges if edge.kind == "event"}
    told = {edge.target for edge in view.graph.edges if edge.kind == "command"}
    for service in view.fleet.services:
        store = service.stores.get("primary", "")
        if service.name in readers | told and store in _WITHOUT_TRANSACTIONS:
            yield Finding(
                element=service,
                message=f"consumer `{service.name}` keeps its state in `{store}`, which has no transactions: a message "
                "that comes twice counts twice",
                hint=f"keep the state in `primary: postgresql` and fill `{store}` from it",
            )
    platform = view.fleet.platform
    if platform.dead_letter_retention < platform.retention:
        yield Finding(
            element=platform,
            message=f"dead letters are kept {duration(platform.dead_letter_retention)}, but the records they were made "
            f"from {duration(platform.retention)}",
            hint="write a `dead-letters: {retention}` at least as long as that of `events`",
        )


RULE = Rule(id="EVT-4", name="fragile-consumer", severity=Severity.WARNING, check=check)
