"""Between wire JSON and Protobuf's bytes, compiled once a message from its descriptor; no generated code is needed.

Readers need no schema of the writer: fields are known by their numbers, which never move, and what is not known is
passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf import descriptor_pb2, duration_pb2, json_format, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from chassis.definition import Field, Message, Type, Value
from chassis.wire import read_datetime, read_duration, write_datetime, write_duration

Convert = Callable[[Any], Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
MAIN = b"\x00"  # Confluent's message indexes: the first message of the file


@dataclass(frozen=True, slots=True)
class ProtobufShape:
    """The class of a message, and how its fields are written and read."""

    message: Any
    write: Convert  # wire JSON -> arguments of the class
    read: Convert  # an instance -> wire JSON

    @classmethod
    def of(cls, message: Message, values: Mapping[str, Value]) -> ProtobufShape:
        """Compile the shape of a message that has one in Protobuf; `values` are the value objects by name."""
        if message.protobuf is None:
            raise ValueError(f"{message.type} has no form in Protobuf")
        pool = DescriptorPool()
        for known in (timestamp_pb2, duration_pb2):
            pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
        file = json_format.ParseDict(message.protobuf.descriptor, descriptor_pb2.FileDescriptorProto())
        pool.AddSerializedFile(file.SerializeToString())
        found = GetMessageClass(pool.FindMessageTypeByName(message.protobuf.message))
        return cls(found, _writer(message.fields, values), _reader(message.fields, values))

    def encode(self, wire: Mapping[str, Any]) -> bytes:
        """The bytes of a message, its index before them."""
        return MAIN + bytes(self.message(**self.write(wire)).SerializeToString(deterministic=True))

    def decode(self, payload: bytes) -> dict[str, Any]:
        """The wire JSON of such bytes; whatever is wrong with them is raised as it comes."""
        if payload[:1] != MAIN:
            raise ValueError("the record is not of the first message of its file")
        return dict(self.read(self.message.FromString(payload[1:])))


def _attribute(field: Field) -> str:
    return field.name.snake


def _writer(fields: tuple[Field, ...], values: Mapping[str, Value]) -> Convert:
    parts = [(field.name.text, _attribute(field), _to(field.type, values)) for field in fields]

    def write(wire: Mapping[str, Any]) -> dict[str, Any]:
        given = ((attribute, convert, wire.get(name)) for name, attribute, convert in parts)
        return {attribute: convert(value) for attribute, convert, value in given if value is not None}

    return write


def _reader(fields: tuple[Field, ...], values: Mapping[str, Value]) -> Convert:
    parts = [(field.name.text, _from(_attribute(field), field.type, values)) for field in fields]
    return lambda message: {name: read(message) for name, read in parts}


# -- to Protobuf


def _to(type_: Type, values: Mapping[str, Value]) -> Convert:
    if type_.kind == "optional" and type_.of is not None:
        inner = _to(type_.of, values)
        return (lambda items: {"items": inner(items)}) if type_.of.kind == "list" else inner
    if type_.kind == "list" and type_.of is not None:
        item = _to(type_.of, values)
        return lambda items: [item(each) for each in items]
    if type_.kind == "value":
        return _writer(values[type_.value].fields, values)
    return _TO.get(type_.kind, _as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _timestamp(text: str) -> dict[str, int]:
    return _seconds(read_datetime(text) - _EPOCH)


def _seconds(span: timedelta) -> dict[str, int]:
    seconds, rest = divmod(span, _SECOND)
    return {"seconds": seconds, "nanos": rest // _MICROSECOND * 1000}


def _duration(text: str) -> dict[str, int]:
    """Both parts carry the sign, as `Duration` demands."""
    span = read_duration(text)
    parts = _seconds(abs(span))
    return parts if span >= timedelta() else {name: -part for name, part in parts.items()}


_TO: Mapping[str, Convert] = {
    "datetime": _timestamp,
    "duration": _duration,
    "json": lambda value: value if isinstance(value, str) else json.dumps(value, separators=(",", ":")),
}


# -- from Protobuf


def _from(attribute: str, type_: Type, values: Mapping[str, Value]) -> Convert:
    """How to read a field of a message; one that can be absent, or is absent where it is needed, is `None`."""
    if type_.kind == "list" and type_.of is not None:
        item = _item(type_.of, values)
        return lambda message: [item(each) for each in getattr(message, attribute)]
    inner = type_.of if type_.kind == "optional" and type_.of is not None else type_
    if inner.kind == "list":
        items = _from("items", inner, values)
        return lambda message: items(getattr(message, attribute)) if message.HasField(attribute) else None
    item = _item(inner, values)
    if type_.kind == "optional" or inner.kind in _MESSAGES:
        return lambda message: item(getattr(message, attribute)) if message.HasField(attribute) else None
    return lambda message: item(getattr(message, attribute))


def _item(type_: Type, values: Mapping[str, Value]) -> Convert:
    if type_.kind == "value":
        return _reader(values[type_.value].fields, values)
    return _FROM.get(type_.kind, _as_it_is)


def _span(parts: Any) -> timedelta:
    return timedelta(seconds=parts.seconds, microseconds=parts.nanos // 1000)


_MESSAGES = frozenset({"datetime", "duration", "money", "value"})
_FROM: Mapping[str, Convert] = {
    "datetime": lambda parts: write_datetime(_EPOCH + _span(parts)),
    "duration": lambda parts: write_duration(_span(parts)),
    "money": lambda parts: {"amount": parts.amount, "currency": parts.currency},
}
