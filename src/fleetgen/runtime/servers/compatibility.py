"""Whether a schema fits those before it: what a registry answers before it registers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import Schema, parse

from fleetgen.contracts import proto_file
from fleetgen.contracts.compatibility import misfits
from fleetgen.contracts.proto_file import NotProto, ProtoFile

LEVELS = frozenset(
    {"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}
)


class InvalidSchema(ValueError):
    """A text that is no schema."""


def sound(kind: str, text: str) -> None:
    """Refuse a text that is no schema of its kind. Protobuf is taken in the form that fleetgen writes."""
    if kind == "AVRO":
        _avro(text)
    elif kind == "PROTOBUF":
        _protobuf(text)


def incompatibilities(level: str, kind: str, new: str, earlier: Sequence[str]) -> tuple[str, ...]:
    """What breaks, said by the reader that fails; `earlier` are the versions before it, oldest first.

    Kinds besides Avro and Protobuf are not compared.
    """
    if level == "NONE" or not earlier or kind not in ("AVRO", "PROTOBUF"):
        return ()
    compared = earlier if level.endswith("_TRANSITIVE") else earlier[-1:]
    return _protobufs(level, new, compared) if kind == "PROTOBUF" else _avros(level, new, compared)


def _avro(text: str) -> Schema:
    try:
        return parse(text)
    except (AvroException, ValueError, TypeError) as wrong:
        raise InvalidSchema(f"not an Avro schema: {wrong}") from wrong


def _protobuf(text: str) -> ProtoFile:
    try:
        return proto_file.read(text)
    except NotProto as wrong:
        raise InvalidSchema(f"not a Protobuf file of one message: {wrong}") from wrong


def _protobufs(level: str, new: str, earlier: Sequence[str]) -> tuple[str, ...]:
    versions = [(number, _protobuf(text)) for number, text in enumerate(earlier, 1)]
    broken = [found.broken for found in misfits(level, _protobuf(new), versions)]
    return tuple(dict.fromkeys(f"`{'.'.join(each.path)}` {each.said}" for each in broken))


def _avros(level: str, new: str, earlier: Sequence[str]) -> tuple[str, ...]:
    schema = _avro(new)
    found: list[str] = []
    for text in earlier:
        other = _avro(text)
        if level.startswith(("BACKWARD", "FULL")):
            found += _reading(schema, other, "the new schema cannot read data of an earlier one")
        if level.startswith(("FORWARD", "FULL")):
            found += _reading(other, schema, "an earlier schema cannot read data of the new one")
    return tuple(dict.fromkeys(found))


def _reading(reader: Schema, writer: Schema, what: str) -> list[str]:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return [f"{what}: {message}" for message in sorted(result.messages)] or [what]


def canonical(text: str) -> str:
    """The text without accidents of spacing; not the parsing form, which drops documentation and defaults."""
    try:
        content: Any = json.loads(text)
    except ValueError:
        return text
    return json.dumps(content, separators=(",", ":"))
