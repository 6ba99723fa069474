"""Inputs of a command from what a saga knows: payloads by message, lists of them where a step fans out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.values import Json

REJECTION = "$rejection"


class NotKnown(Exception):
    """A source that is missing, or has no single value."""


def fan(step: Json, data: Mapping[str, Any]) -> list[Json]:
    """What a step is carried out for: its items, or once for nothing in particular."""
    if step.get("for_each") is None:
        return [None]
    items = value(step["for_each"], data, None, -1, 0)
    if not isinstance(items, list):
        raise NotKnown("for_each")
    return items


def inputs(bindings: list[Json], step: Json, data: Mapping[str, Any], *, lenient: bool) -> list[tuple[Json, bool]]:
    """For each part its inputs, and whether these are all. If not `lenient`, raises `NotKnown` for a missing one."""
    items = fan(step, data)
    alone = step.get("for_each") is None
    return [_of_part(bindings, data, item, -1 if alone else at, len(items), lenient) for at, item in enumerate(items)]


def _of_part(
    bindings: list[Json], data: Mapping[str, Any], item: Json, at: int, count: int, lenient: bool
) -> tuple[Json, bool]:
    known, complete = {}, True
    for binding in bindings:
        try:
            if binding["source"]["kind"] != "absent":
                known[binding["input"]] = value(binding["source"], data, item, at, count)
        except NotKnown:
            if not lenient:
                raise
            complete = False
    return known, complete


def value(source: Json, data: Mapping[str, Any], item: Json, at: int, count: int) -> Json:
    """One value; `at` is the part's place among `count`, -1 where there are no parts."""
    kind, path = source["kind"], source.get("path", [])
    if kind == "literal":
        return source["value"]
    if kind == "rejection":
        return data.get(REJECTION, "")
    if kind == "item":
        if at < 0:
            raise NotKnown("item")
        return _inside(item, path)
    found = data.get(source["message"], NotKnown)
    if found is NotKnown:
        raise NotKnown(source["message"])
    if not isinstance(found, list):
        return _inside(found, path)
    if at >= 0 and len(found) == count:  # the same item of an earlier step over the same items
        return _inside(found[at], path)
    if at < 0 and not path:
        return found
    values = [_inside(part, path) for part in found]
    if not values or any(each != values[0] for each in values):
        raise NotKnown(source["message"])
    return values[0]


def _inside(found: Json, path: list[str]) -> Json:
    for name in path:
        if not isinstance(found, dict) or name not in found:
            raise NotKnown(name)
        found = found[name]
    return found
