"""What stands in one row of a read model or a copy: the fields of the events it is made from, taken together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetgen.model.fleet import Aggregate, Copy, Event, Field, ReadModel
from fleetgen.model.types import Type

CHANGED_AT = "changedAt"
STATE = "state"
OWN = (CHANGED_AT, STATE)  # what a row says beside the fields of its events


def row_fields(of: ReadModel | Copy, stated: bool) -> tuple[Field, ...]:
    """The key first. What only some of the events carry is optional; card numbers are left out.

    `stated` rows say the state of their aggregate; every row says when it last changed.
    """
    carried = {field.name: field for event in of.events for field in event.fields if field.sensitive != "pan"}
    by_all = [name for name in carried if all(_carries(event, name) for event in of.events)]
    fields = [field if name in by_all else _optional(field) for name, field in carried.items()]
    fields.sort(key=lambda field: field.name != of.key)
    state = [Field(name=STATE, type=Type("optional", of=Type("string")))] if stated else []
    return (*fields, *state, Field(name=CHANGED_AT, type=Type("datetime")))


def state_after(aggregates: Iterable[Aggregate], event: Event) -> str:
    """The state an aggregate is in after an event; empty where that is unchanged or not known from the event alone."""
    found = set(_states(aggregates, event))
    return found.pop() if len(found) == 1 else ""


def _states(aggregates: Iterable[Aggregate], event: Event) -> Iterator[str]:
    for aggregate in aggregates:
        for command in aggregate.commands:
            if command.emits.name == event.name:
                yield command.to
            elif command.rejection is not None and command.rejection.name == event.name:
                yield command.rejected_to


def creates(aggregates: Iterable[Aggregate], event: Event) -> bool:
    """Whether an aggregate's life begins with the event."""
    return any(
        command.target == "new" and command.emits.name == event.name
        for aggregate in aggregates
        for command in aggregate.commands
    )


def _carries(event: Event, name: str) -> bool:
    return any(field.name == name for field in event.fields)


def _optional(field: Field) -> Field:
    if field.type.kind == "optional":
        return field
    return Field(name=field.name, span=field.span, sensitive=field.sensitive, type=Type("optional", of=field.type))
