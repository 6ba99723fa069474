"""Messages as Python objects and as JSON on the wire.

A message is a frozen dataclass. On the wire its attributes are in camelCase, money is
`{"amount": 1200, "currency": "EUR"}`, decimals are texts, moments RFC 3339 in UTC, durations ISO 8601.
Reading checks everything and reports all faults of a message at once; fields it does not know it passes over,
so that an older reader understands a newer writer.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, dataclass_transform, get_args, get_origin, get_type_hints

from chassis.wire import READERS, WRITERS

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class FieldError:
    """`pointer` is the JSON pointer of the field, `detail` what is wrong with it."""

    pointer: str
    detail: str


class InvalidMessage(ValueError):
    """A payload that does not fit its message."""

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{error.pointer or '/'} {error.detail}" for error in errors))
        self.errors = errors


_Read = Callable[[Any, str, list[FieldError]], Any]
_Write = Callable[[Any], Any]


@dataclass_transform(frozen_default=True, kw_only_default=True)
def message(cls: type[M]) -> type[M]:
    """Make a class a message: a frozen dataclass with slots whose attributes are given by name."""
    return dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(cls)


@cache
def wire_name(attribute: str) -> str:
    """`order_id` -> `orderId`; the underscore that keeps a name off a reserved word falls away (`from_` -> `from`)."""
    first, *rest = attribute.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


def to_wire(obj: Any) -> dict[str, Any]:
    """A message as JSON-able data."""
    cls: Any = type(obj)
    return cast(dict[str, Any], _writer(cls)(obj))


def from_wire(cls: type[M], data: Mapping[str, Any]) -> M:
    """The message that `data` says; `InvalidMessage` when it does not fit."""
    errors: list[FieldError] = []
    result = _reader(cast(Any, cls))(data, "", errors)
    if errors:
        raise InvalidMessage(tuple(errors))
    return cast(M, result)


def read_value(hint: Any, value: Any, at: str = "") -> Any:
    """A value of an annotated type, such as `UUID` or `tuple[OrderLine, ...]`, from wire JSON."""
    errors: list[FieldError] = []
    result = _reader(hint)(value, at, errors)
    if errors:
        raise InvalidMessage(tuple(errors))
    return result


def write_value(hint: Any, value: Any) -> Any:
    """A value of an annotated type as wire JSON."""
    return _writer(hint)(value)


def from_json(cls: type[M], data: bytes) -> M:
    """The message that a JSON text says; `InvalidMessage` when it is no JSON or does not fit."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as reason:
        raise InvalidMessage((FieldError("", f"is not JSON: {reason}"),)) from reason
    return from_wire(cls, parsed)


@cache
def _reader(hint: Any) -> _Read:
    """How to read a value of an annotated type. Compiled once a type."""
    inner = _optional(hint)
    if inner is not None:
        read = _reader(inner)
        return lambda value, at, errors: None if value is None else read(value, at, errors)
    if get_origin(hint) in (tuple, list):
        return _list_reader(hint)
    if dataclasses.is_dataclass(hint) and hint not in READERS:
        return _object_reader(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _scalar_reader(_enum(hint))
    return _scalar_reader(READERS.get(hint, _anything))


def _optional(hint: Any) -> Any:
    """`X` of `X | None`, else `None`."""
    if get_origin(hint) not in (Union, types.UnionType):
        return None
    (inner,) = (argument for argument in get_args(hint) if argument is not type(None))
    return inner


def _anything(value: Any) -> Any:
    return value


def _enum(hint: type[Enum]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return hint(value)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(str(member.value) for member in hint)}") from None

    return read


def _scalar_reader(parse: Callable[[Any], Any]) -> _Read:
    def read(value: Any, at: str, errors: list[FieldError]) -> Any:
        try:
            return parse(value)
        except ValueError as reason:
            errors.append(FieldError(at, str(reason)))
            return None

    return read


def _list_reader(hint: Any) -> _Read:
    item, make = _reader(get_args(hint)[0]), get_origin(hint)

    def read(value: Any, at: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, list | tuple):
            errors.append(FieldError(at, "must be a list"))
            return None
        return make([item(element, f"{at}/{index}", errors) for index, element in enumerate(value)])

    return read


def _object_reader(cls: Any) -> _Read:
    hints = get_type_hints(cls)
    parts = [
        (field.name, wire_name(field.name), _reader(hints[field.name]), _is_required(field, hints[field.name]))
        for field in dataclasses.fields(cls)
    ]

    def read(value: Any, at: str, errors: list[FieldError]) -> Any:
        if not isinstance(value, Mapping):
            errors.append(FieldError(at, "must be an object"))
            return None
        before, values = len(errors), {}
        for attribute, name, part, required in parts:
            if name in value:
                values[attribute] = part(value[name], f"{at}/{name}", errors)
            elif required:
                errors.append(FieldError(f"{at}/{name}", "is missing"))
            elif _optional(hints[attribute]) is not None:
                values.setdefault(attribute, None)
        return cls(**values) if len(errors) == before else None

    return read


def _is_required(field: Any, hint: Any) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing and _optional(hint) is None


@cache
def _writer(hint: Any) -> _Write:
    """How to write a value of an annotated type. Compiled once a type."""
    inner = _optional(hint)
    if inner is not None:
        write = _writer(inner)
        return lambda value: None if value is None else write(value)
    if get_origin(hint) in (tuple, list):
        item = _writer(get_args(hint)[0])
        return lambda value: [item(element) for element in value]
    if dataclasses.is_dataclass(hint) and hint not in WRITERS:
        return _object_writer(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value: value.value
    return WRITERS.get(hint, _anything)


def _object_writer(cls: Any) -> _Write:
    hints = get_type_hints(cls)
    parts = [(field.name, wire_name(field.name), _writer(hints[field.name])) for field in dataclasses.fields(cls)]
    return lambda obj: {name: write(getattr(obj, attribute)) for attribute, name, write in parts}
