"""How an attribute of an aggregate is kept in a column."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, get_type_hints
from uuid import UUID

from psycopg.types.json import Jsonb

from chassis.message import read_value, wire_name, write_value

Convert = Callable[[Any], Any]
_NATIVE = (str, int, bool, Decimal, UUID, date, timedelta)


@dataclass(frozen=True, slots=True)
class Column:
    """`store` makes a parameter of a value, `load` a value of what the database gives, `parse` one of a text."""

    name: str
    wire: str
    store: Convert
    load: Convert
    parse: Convert


@cache
def columns_of(cls: Any) -> tuple[Column, ...]:
    """The columns of an aggregate, in the order of its attributes."""
    hints = get_type_hints(cls)
    return tuple(_column(field.name, hints[field.name]) for field in dataclasses.fields(cls))


def _column(name: str, hint: Any) -> Column:
    inner = _present(hint)
    store: Convert = _as_it_is
    load: Convert = _as_it_is
    if inner in _NATIVE:
        pass
    elif inner is datetime:
        load = _in_utc
    elif isinstance(inner, type) and issubclass(inner, str):  # a state: StrEnum
        store, load = str, inner
    else:
        store, load = _to_json(inner), _reading(inner, name)
    return Column(name, wire_name(name), _if_present(store), _if_present(load), _parsing(inner, wire_name(name)))


def _present(hint: Any) -> Any:
    """`X` of `X | None`."""
    arguments = getattr(hint, "__args__", ())
    if type(None) not in arguments:
        return hint
    (inner,) = (argument for argument in arguments if argument is not type(None))
    return inner


def _as_it_is(value: Any) -> Any:
    return value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _to_json(hint: Any) -> Convert:
    return lambda value: Jsonb(write_value(hint, value))


def _reading(hint: Any, at: str) -> Convert:
    return lambda value: read_value(hint, value, f"/{at}")


def _parsing(hint: Any, at: str) -> Convert:
    """A filter comes as a value of the type already, or as text, such as the key in a page's `after`."""

    def parse(value: Any) -> Any:
        if not isinstance(value, str) or hint is str:
            return value
        return read_value(hint, int(value) if hint is int and value.lstrip("-").isdecimal() else value, f"/{at}")

    return parse


def _if_present(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)
