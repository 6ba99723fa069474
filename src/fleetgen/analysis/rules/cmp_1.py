"""Card numbers leave the place that may hold them.

## What it does
Looks for a field marked `pan` in a context that is not under `pci-dss`, and for one that an event carries.

## Why it is bad
Every system that a card number passes falls under the card industry's rules: audits, network zones, logs. An event is
read by many and kept for days, so one field of it puts the bus and all its readers in scope.

## Example
```yaml
aggregates:
  Payment:
    fields: {pan: string, amount: money}
    sensitive: {pan: [pan]}
    commands:
      AuthorizePayment: {emits: PaymentAuthorized, carries: [pan]}
```

## Use instead
```yaml
aggregates:
  Payment:
    fields: {cardToken: string, amount: money}
    commands:
      AuthorizePayment: PaymentAuthorized
```
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import Owned, View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Command, Field, Value

_REGIME = "pci-dss"
_CLASS = "pan"


def check(view: View) -> Iterator[Finding]:
    """One finding a field that is kept or taken outside, one an event that carries it."""
    for owned in view.owned:
        if _REGIME not in owned.context.compliance and _REGIME not in view.fleet.compliance:
            yield from _outside(owned)
        values = {value.name: value for value in owned.aggregate.values}
        for event in owned.aggregate.events:
            for field in _card_fields(event.fields, values):
                yield Finding(
                    element=event,
                    message=f"event `{event.name}` carries the card number `{field.name}`",
                    hint="leave it out of `carries`, and carry a token instead",
                )


def _outside(owned: Owned) -> Iterator[Finding]:
    values = {value.name: value for value in owned.aggregate.values}
    kept = {field.name: field for field in _card_fields(owned.aggregate.fields, values)}
    for field in kept.values():
        yield Finding(
            element=owned.aggregate,
            span=field.span,
            message=f"aggregate `{owned.aggregate.name}` keeps the card number `{field.name}`, but context "
            f"`{owned.context.name}` is not under `{_REGIME}`",
            hint=f"write `compliance: {{{_REGIME}: {{}}}}` on the context, or keep a token",
        )
    for command in owned.aggregate.commands:
        for field in _card_fields(command.inputs, values):
            if field.name not in kept:
                yield _taken(owned, command, field)


def _taken(owned: Owned, command: Command, field: Field) -> Finding:
    return Finding(
        element=command,
        message=f"command `{command.name}` takes the card number `{field.name}`, but context "
        f"`{owned.context.name}` is not under `{_REGIME}`",
        hint=f"write `compliance: {{{_REGIME}: {{}}}}` on the context, or take a token",
    )


def _card_fields(fields: Iterable[Field], values: dict[str, Value]) -> Iterator[Field]:
    """Also those inside of value objects, however deep. A value that holds itself is looked at once."""
    waiting, seen = list(fields), set[str]()
    for field in waiting:
        if field.sensitive == _CLASS:
            yield field
            continue
        for name in field.type.value_names:
            if name in values and name not in seen:
                seen.add(name)
                waiting.extend(values[name].fields)


RULE = Rule(id="CMP-1", name="card-number-spreads", severity=Severity.ERROR, check=check)
