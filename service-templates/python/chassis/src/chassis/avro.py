"""Between wire JSON and what fastavro reads and writes, compiled once a message from the types of its fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import fastavro

from chassis.definition import Field, Message, Type, Value
from chassis.wire import read_datetime, read_duration, write_datetime, write_duration

Convert = Callable[[Any], Any]
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Shape:
    """A parsed schema, and converters of the fields that do not stay as they are."""

    schema: Any
    names: tuple[str, ...]
    write: Mapping[str, Convert]
    read: Mapping[str, Convert]

    @classmethod
    def of(cls, message: Message, values: Mapping[str, Value]) -> Shape:
        """Compile the shape of a message; `values` are the value objects by pascal-case name."""
        return cls(
            schema=fastavro.parse_schema(message.avro),
            names=tuple(field.name.text for field in message.fields),
            write=_fields(message.fields, _TO_AVRO, values),
            read=_fields(message.fields, _FROM_AVRO, values),
        )


def to_datum(shape: Shape, wire: Mapping[str, Any]) -> dict[str, Any]:
    """The datum of a message; fields left out are null."""
    return _converted(shape.names, shape.write, wire)


def from_datum(shape: Shape, datum: Mapping[str, Any]) -> dict[str, Any]:
    """The wire JSON of a datum."""
    return _converted(shape.names, shape.read, datum)


def _converted(names: tuple[str, ...], converts: Mapping[str, Convert], data: Mapping[str, Any]) -> dict[str, Any]:
    result = {}
    for name in names:
        value = data.get(name)
        convert = converts.get(name)
        result[name] = value if convert is None or value is None else convert(value)
    return result


def _json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


_TO_AVRO: Mapping[str, Convert] = {
    "date": date.fromisoformat,
    "datetime": read_datetime,
    "duration": lambda text: read_duration(text) // _MILLISECOND,
    "json": _json_text,
}
_FROM_AVRO: Mapping[str, Convert] = {
    "uuid": str,
    "date": date.isoformat,
    "datetime": write_datetime,
    "duration": lambda millis: write_duration(millis * _MILLISECOND),
}


def _fields(
    fields: tuple[Field, ...], scalars: Mapping[str, Convert], values: Mapping[str, Value]
) -> Mapping[str, Convert]:
    converts = {field.name.text: _convert(field.type, scalars, values) for field in fields}
    return {name: convert for name, convert in converts.items() if convert is not None}


def _convert(type_: Type, scalars: Mapping[str, Convert], values: Mapping[str, Value]) -> Convert | None:
    """How to convert a value of the type; `None` when it stays as it is."""
    if type_.kind in ("optional", "list") and type_.of is not None:
        inner = _convert(type_.of, scalars, values)
        if inner is None or type_.kind == "optional":
            return inner if inner is None else _unless_absent(inner)
        return lambda items: [inner(item) for item in items]
    if type_.kind == "value":
        fields = values[type_.value].fields
        names, converts = tuple(field.name.text for field in fields), _fields(fields, scalars, values)
        return lambda data: _converted(names, converts, data)
    return scalars.get(type_.kind)


def _unless_absent(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)
