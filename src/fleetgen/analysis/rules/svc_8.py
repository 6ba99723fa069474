"""A name that travels is used twice.

## What it does
Looks for commands, events and aggregates that share a name with another of their kind, anywhere in the fleet.

## Why it is bad
These names are message types, topics, schemas and package names: they leave their context. Two things of one name
cannot be told apart on the bus, in a trace or in the registry, and references in policies and sagas become a guess.

## Example
```yaml
contexts:
  order:
    aggregates:
      Order: {fields: {total: money}, commands: {PlaceOrder: Placed}}
  bid:
    aggregates:
      Bid: {fields: {amount: money}, commands: {PlaceBid: Placed}}
```

## Use instead
```yaml
contexts:
  order:
    aggregates:
      Order: {fields: {total: money}, commands: {PlaceOrder: OrderPlaced}}
  bid:
    aggregates:
      Bid: {fields: {amount: money}, commands: {PlaceBid: BidPlaced}}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.model.fleet import Element

_Named = tuple[str, Element, str]  # what it is, the element, where it belongs


def check(view: View) -> Iterator[Finding]:
    """One finding for each further use of a name. Names that differ in kind or case only are refused when resolving."""
    first: dict[tuple[str, str], _Named] = {}
    for what, element, owner in _named(view):
        other = first.setdefault((what, element.name), (what, element, owner))
        if other[1] is not element:
            yield Finding(
                element=element,
                message=f"{what} `{element.name}` of {owner} has the name of one of {other[2]}",
                hint="rename one of the two",
                related=((f"the other {what}", other[1].span),),
            )


def _named(view: View) -> Iterator[_Named]:
    for owned in view.owned:
        yield "aggregate", owned.aggregate, f"service `{owned.service.name}`"
        owner = f"aggregate `{owned.aggregate.name}`"
        yield from (("command", command, owner) for command in owned.aggregate.commands)
        yield from (("event", event, owner) for event in owned.aggregate.events)


RULE = Rule(id="SVC-8", name="name-used-twice", severity=Severity.ERROR, check=check, waivable=False)
