"""Two contexts share a database.

## What it does
Looks for stores of one kind and name in two contexts, and for a legacy system's table that two contexts take over.

## Why it is bad
Each context then depends on the other's tables: neither can change a column, move its data or restore a backup alone.
What looks like two services is one, with a network in the middle.

## Example
```yaml
contexts:
  order: {team: sales, stores: {primary: {kind: postgresql, name: sales-db}}}
  invoice: {team: sales, stores: {primary: {kind: postgresql, name: sales-db}}}
```

## Use instead
```yaml
contexts:
  order: {team: sales, stores: {primary: {kind: postgresql, name: order-db}}}
  invoice:
    team: sales
    stores: {primary: {kind: postgresql, name: invoice-db}}
    copies: {orders: {from: [OrderPlaced], key: orderId}}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Context, Service


def check(view: View) -> Iterator[Finding]:
    """One finding for each further context at a database, one for each table that is taken twice."""
    yield from _databases(view)
    yield from _tables(view)


def _databases(view: View) -> Iterator[Finding]:
    first: dict[tuple[str, str], tuple[Context, Service]] = {}
    for context in view.fleet.contexts:
        for service in context.services:
            for role, name in service.store_names.items():
                key = (service.stores.get(role, ""), name)
                other, owner = first.setdefault(key, (context, service))
                if other.name != context.name:
                    yield Finding(
                        element=service,
                        message=f"context `{context.name}` shares {key[0]} `{name}` with context `{other.name}`",
                        hint="give it a database of its own, and follow the other's events with `copies`",
                        related=((f"context `{other.name}` uses it first", owner.span),),
                    )


def _tables(view: View) -> Iterator[Finding]:
    for legacy in view.fleet.legacy:
        first: dict[str, str] = {}
        for context, tables in legacy.database.get("tables", {}).items():
            for table in tables or ():
                other = first.setdefault(table, context)
                if other != context:
                    yield Finding(
                        element=legacy,
                        message=f"table `{table}` of `{legacy.name}` goes to contexts `{other}` and `{context}`",
                        hint="give it to one of them; the other follows its events with `copies`",
                    )


RULE = Rule(id="DAT-1", name="shared-database", severity=Severity.ERROR, check=check)
