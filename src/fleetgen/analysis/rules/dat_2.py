"""A field holds a whole aggregate.

## What it does
Looks for a field of an aggregate, value, command or event whose type is an aggregate, of another context or of the
same. Its key, as a plain field, is fine; so are value objects, which have no life of their own.

## Why it is bad
The data then has two owners: it is right in one place and old in the other, and a change of the owner's model breaks
the copy. Who keeps only the key asks the owner, or follows its events with a read-only copy.

## Example
```yaml
order:
  aggregates:
    Order:
      fields: {customer: Customer, total: money}       # an aggregate of context `customer`
```

## Use instead
```yaml
order:
  aggregates:
    Order:
      fields: {customerId: uuid, total: money}
  copies: {customers: {from: [CustomerRegistered, CustomerRenamed], key: customerId}}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import Owned, View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Field


def check(view: View) -> Iterator[Finding]:
    """One finding a field and owner; a field that commands and events repeat is reported where it is first kept."""
    homes = {owned.aggregate.name: owned.context.name for owned in view.owned}
    for owned in view.owned:
        aggregate = owned.aggregate
        values = {value.name for value in aggregate.values}
        held = {(field.name, name): field for field in reversed(_fields(owned)) for name in field.type.value_names}
        for (said, name), field in held.items():
            if name in homes and name not in values:
                yield Finding(
                    element=aggregate,
                    span=field.span,
                    message=f"field `{said}` of aggregate `{aggregate.name}` holds `{name}`, an aggregate of context "
                    f"`{homes[name]}`",
                    hint=f"keep its key, for example `{said}Id: uuid`, and follow its events with `copies`",
                )


def _fields(owned: Owned) -> list[Field]:
    aggregate = owned.aggregate
    messages = [*(command.inputs for command in aggregate.commands), *(event.fields for event in aggregate.events)]
    inside = [*(value.fields for value in aggregate.values), *messages]
    return [*aggregate.fields, *(field for fields in inside for field in fields)]


RULE = Rule(id="DAT-2", name="aggregate-in-field", severity=Severity.ERROR, check=check, waivable=False)
