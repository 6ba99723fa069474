"""Where each part of a text in YAML begins and ends, as offsets: what an edit needs and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)


@dataclass(frozen=True)
class Pair:
    """A key of a mapping and its value."""

    key: Place
    value: Place


@dataclass(frozen=True)
class Place:
    """A node: from its first character up to `end`, without comments behind it. `text` is a scalar's."""

    start: int
    end: int
    text: str = ""
    flow: bool = False
    is_mapping: bool = False
    entries: dict[str, Pair] = field(default_factory=dict)
    items: tuple[Place, ...] = ()

    def child(self, key: str) -> Place | None:
        """The value of a key."""
        found = self.entries.get(key)
        return found.value if found is not None else None


def places(text: str) -> Place:
    """The tree of a text that was read before without errors."""
    events = iter(YAML(typ="safe", pure=True).parse(text))
    for event in events:
        if isinstance(event, (MappingStartEvent, SequenceStartEvent, ScalarEvent)):
            return _place(event, events, text)
    return Place(0, 0)


def _place(event: Any, events: Iterator[Any], text: str) -> Place:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, MappingStartEvent):
        return _mapping(event, events, text)
    if isinstance(event, SequenceStartEvent):
        items = []
        while not isinstance(inner := next(events), SequenceEndEvent):
            items.append(_place(inner, events, text))
        if event.flow_style:
            end = inner.end_mark.index
        elif items:
            end = items[-1].end
        return Place(start, end, flow=bool(event.flow_style), items=tuple(items))
    return Place(start, end, text=getattr(event, "value", ""))


def _mapping(event: Any, events: Iterator[Any], text: str) -> Place:
    entries: dict[str, Pair] = {}
    end = event.end_mark.index
    while not isinstance(inner := next(events), MappingEndEvent):
        key = _place(inner, events, text)
        value = _place(next(events), events, text)
        if value.start == value.end:  # nothing is written: its place is not where the parser found that out
            behind = _behind(text, key.end)
            value = Place(behind, behind)
        entries[key.text] = Pair(key, value)
        end = max(end, key.end + 1, value.end)
    if event.flow_style:
        end = inner.end_mark.index
    return Place(event.start_mark.index, end, flow=bool(event.flow_style), is_mapping=True, entries=entries)


def _behind(text: str, key: int) -> int:
    """Where the value of a key that ends at `key` would stand: behind the colon, which `{key}` does without."""
    colon = key + len(text[key:]) - len(text[key:].lstrip())
    return colon + 1 if text.startswith(":", colon) else key
