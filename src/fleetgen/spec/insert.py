"""Puts a new entry into a specification's text: where it belongs, in the style that is there, all else untouched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleetgen.spec.edit import Edit, splice
from fleetgen.spec.emit import emit, flow
from fleetgen.spec.places import Place, places

_STEP = 2  # columns of one more level
_NOTHING = ("", "~", "null", "Null", "NULL")


class Unplaceable(Exception):
    """The text is written in a way that an edit cannot follow; the message says what to do."""


@dataclass(frozen=True)
class Home:
    """A mapping of one file: the keys that lead to it."""

    file: str
    path: tuple[str, ...]

    def inside(self, *keys: str) -> Home:
        """A mapping within."""
        return Home(self.file, (*self.path, *keys))


def find(text: str, path: tuple[str, ...]) -> Place | None:
    """The node that the keys lead to."""
    place: Place | None = places(text)
    for key in path:
        place = place.child(key) if place is not None else None
    return place


def insert(text: str, path: tuple[str, ...], key: str, value: Any) -> str:
    """The text with one more entry in the mapping at `path`; mappings on the way that are missing are made.

    Raises:
        Unplaceable: When something else than a mapping stands on the way, or the key is there already.
    """
    place = places(text)
    for depth, step in enumerate(path):
        inner = place.entries.get(step)
        if inner is None:
            nested: Any = {key: value}
            for outer in reversed(path[depth + 1 :]):
                nested = {outer: nested}
            return splice(text, [_entry(text, place, step, nested)])
        if not inner.value.is_mapping:
            return splice(text, [_first(text, place, step, _nested(path[depth + 1 :], key, value))])
        place = inner.value
    if key in place.entries:
        raise Unplaceable(f"`{key}` is there already")
    return splice(text, [_entry(text, place, key, value)])


def _nested(path: tuple[str, ...], key: str, value: Any) -> Mapping[str, Any]:
    made: Mapping[str, Any] = {key: value}
    for outer in reversed(path):
        made = {outer: made}
    return made


def _first(text: str, owner: Place, key: str, value: Mapping[str, Any]) -> Edit:
    """The first entry of a mapping of which only the name is written."""
    pair = owner.entries[key]
    written = pair.value
    if written.items or written.text not in _NOTHING or text[written.start : written.start + 1] in ("'", '"'):
        raise Unplaceable(f"`{key}` is written in a short form; write it as a mapping first")
    if owner.flow:
        gap = "" if text[written.start - 1 : written.start] == " " else " "
        return Edit(written.start, written.end, gap + flow(value))
    if written.start != written.end:
        return Edit(written.start, written.end, flow(value))
    end = _line_end(text, pair.key.end)
    return Edit(end, end, _lines(text, value, _column(text, pair.key.start) + _STEP))


def _entry(text: str, owner: Place, key: str, value: Any) -> Edit:
    """One more entry at the end."""
    if owner.flow:
        if not owner.entries:
            return Edit(owner.start + 1, owner.start + 1, f"{flow(key)}: {flow(value)}")
        end = max(_pair_end(pair.key.end, pair.value.end) for pair in owner.entries.values())
        return Edit(end, end, f", {flow(key)}: {flow(value)}")
    if not owner.entries:
        raise Unplaceable(f"there is no mapping yet to put `{key}` into")
    first = next(iter(owner.entries.values()))
    last = max(max(pair.key.end, _content_end(text, pair.value)) for pair in owner.entries.values())
    end = _line_end(text, last)
    return Edit(end, end, _lines(text, {key: value}, _column(text, first.key.start)))


def _pair_end(key: int, value: int) -> int:
    return max(key, value)


def _content_end(text: str, place: Place) -> int:
    """A block of text ends, for the parser, where the next thing begins."""
    end = place.end
    while end > place.start and text[end - 1].isspace():
        end -= 1
    return end


def _lines(text: str, data: Mapping[str, Any], column: int) -> str:
    """The lines of a block, each behind a line break as the text has them."""
    end = "\r\n" if "\r\n" in text else "\n"
    return "".join(f"{end}{' ' * column}{line}" for line in emit(data).splitlines())


def _column(text: str, at: int) -> int:
    return at - (text.rfind("\n", 0, at) + 1)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end
