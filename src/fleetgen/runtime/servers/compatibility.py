"""Whether a schema fits those before it: what a registry answers before it registers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import Schema, parse

LEVELS = frozenset(
    {"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}
)


class InvalidSchema(ValueError):
    """A text that is no schema."""


def parsed(text: str) -> Schema:
    """The schema of a text."""
    try:
        return parse(text)
    except (AvroException, ValueError, TypeError) as wrong:
        raise InvalidSchema(f"not an Avro schema: {wrong}") from wrong


def incompatibilities(level: str, new: str, earlier: Sequence[str]) -> tuple[str, ...]:
    """What breaks, said by the reader that fails; `earlier` are the versions before it, oldest first."""
    if level == "NONE" or not earlier:
        return ()
    compared = earlier if level.endswith("_TRANSITIVE") else earlier[-1:]
    schema = parsed(new)
    found: list[str] = []
    for text in compared:
        other = parsed(text)
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
