"""What an event changes in a projection, and how rows are folded. Pure: the table and the doubles obey it alike.

A row belongs to one aggregate, and is changed by that aggregate's events in the order of their stream. Whatever comes
twice or late finds a position behind it and changes nothing, so that the same events give the same rows in every run:
live, after a crash, in a rebuild, or both at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chassis.definition import Projection, ProjectionSource

CHANGED_AT, STATE = "changedAt", "state"


@dataclass(frozen=True, slots=True)
class Position:
    """Where an event lies: `sequence` grows within its `stream`, and `at` (RFC 3339) tells streams apart in time."""

    stream: str
    sequence: int
    at: str


@dataclass(frozen=True, slots=True)
class Change:
    """What an event makes of the row of `subject`, an aggregate of kind `source`: `values` (wire JSON) are set."""

    source: str
    subject: str
    values: Mapping[str, Any]
    position: Position
    creates: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row in wire JSON. It is `whole` when the event with which its aggregate began is in it."""

    values: Mapping[str, Any]
    position: Position
    whole: bool


class Unkeyed(ValueError):
    """An event does not say which row it concerns."""


def change_of(
    projection: Projection,
    source: ProjectionSource,
    event: Mapping[str, Any],
    position: Position,
    said: Mapping[str, Any],
) -> Change:
    """The change that an event (wire JSON) makes; `said` is the same in the service's own terms, where it has such.

    Raises:
        Unkeyed: the aggregate's id or the key of the projection is missing.
    """
    key, subject = projection.key.name.text, event.get(source.subject)
    if subject is None or said.get(key) is None:
        raise Unkeyed(f"{source.event.text} lacks {source.subject if subject is None else key}")
    names = (field.name.text for field in projection.fields)
    values = {name: said[name] for name in names if name in said} | {CHANGED_AT: position.at}
    if source.state:
        values[STATE] = source.state
    return Change(source.aggregate, str(subject), values, position, source.creates)


def follows(change: Position, row: Position) -> bool:
    """Whether a change at that position may still be made to a row."""
    if change.stream == row.stream:
        return change.sequence > row.sequence
    return change.at >= row.at  # the aggregate moved to another stream: its partition key changed


def fold(row: Row | None, change: Change) -> Row:
    """The row after a change; the very same row where the change came late."""
    if row is None:
        return Row(dict(change.values), change.position, change.creates)
    if not follows(change.position, row.position):
        return row
    return Row({**row.values, **change.values}, change.position, row.whole or change.creates)


def merged(old: Row, new: Row) -> Row:
    """A rebuilt row that is not whole, since the topic has lost its beginning, completed by the row before it."""
    present = {name: value for name, value in new.values.items() if value is not None}
    return Row({**old.values, **present}, new.position, old.whole)


def together(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """One view of all rows of a key: what several aggregates say of it, the latest word on each field."""
    found: dict[str, Any] = {}
    for row in sorted(rows, key=lambda each: each[CHANGED_AT]):
        found |= {name: value for name, value in row.items() if value is not None or name not in found}
    return found
