"""Inputs of a command from the data of its saga.

The data maps the name of a message to its payload as wire JSON; where a step fans out, the value under its event is a
list of payloads in the order of the items. Nothing here knows of databases or brokers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.definition import Binding, Source

REJECTION = "$rejection"
"""Key in a saga's data under which the name of the event that refused is kept. No message can be called so."""


class Unbound(Exception):
    """An input whose source is not (or not yet) in the data of the saga."""

    def __init__(self, wanted: str, source: Source) -> None:
        path = ".".join((source.message, *source.path))
        super().__init__(f"{wanted}: {path or source.kind} is not known")
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class Current:
    """Where in a fan-out an input is needed: the item, and its index (from 0) among `total`."""

    item: Any = None
    index: int = -1
    total: int = 0


ALONE = Current()


def evaluate(bindings: Iterable[Binding], data: Mapping[str, Any], current: Current = ALONE) -> dict[str, Any]:
    """All inputs; raises `Unbound` for the first whose source is missing."""
    return {
        binding.input: read(binding.source, data, current, binding.input)
        for binding in bindings
        if binding.source.kind != "absent"
    }


def evaluate_known(
    bindings: Iterable[Binding], data: Mapping[str, Any], current: Current = ALONE
) -> tuple[dict[str, Any], bool]:
    """The inputs that can be known, and whether these are all."""
    known: dict[str, Any] = {}
    complete = True
    for binding in bindings:
        if binding.source.kind == "absent":
            continue
        try:
            known[binding.input] = read(binding.source, data, current, binding.input)
        except Unbound:
            complete = False
    return known, complete


def items(source: Source, data: Mapping[str, Any]) -> list[Any]:
    """The items a fan-out step runs over; raises `Unbound` when the list is not known."""
    value = read(source, data, ALONE, "for-each")
    if not isinstance(value, list):
        raise Unbound("for-each", source)
    return value


def read(source: Source, data: Mapping[str, Any], current: Current = ALONE, wanted: str = "") -> Any:
    """The value of one source; raises `Unbound` when it is missing."""
    match source.kind:
        case "literal":
            return source.value
        case "absent":
            return None
        case "rejection":
            return data.get(REJECTION, "")
        case "item":
            if current.index < 0:
                raise Unbound(wanted, source)
            return _walk(current.item, source, wanted)
        case _:
            return _of_message(source, data, current, wanted)


def _of_message(source: Source, data: Mapping[str, Any], current: Current, wanted: str) -> Any:
    if source.message not in data:
        raise Unbound(wanted, source)
    payload = data[source.message]
    if not isinstance(payload, list):
        return _walk(payload, source, wanted)
    if 0 <= current.index < len(payload) == current.total:
        return _walk(payload[current.index], source, wanted)  # the same item of an earlier fan-out
    if current.index < 0 and not source.path:
        return payload  # all parts: what a later fan-out runs over
    values = [_walk(part, source, wanted) for part in payload]
    if not values or any(value != values[0] for value in values):
        raise Unbound(wanted, source)  # the parts disagree: no single value to take
    return values[0]


def _walk(value: Any, source: Source, wanted: str) -> Any:
    for name in source.path:
        if not isinstance(value, Mapping) or name not in value:
            raise Unbound(wanted, source)
        value = value[name]
    return value
