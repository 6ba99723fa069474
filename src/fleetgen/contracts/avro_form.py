"""What an Avro schema may be: files of released versions come with a clone, from anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


class NotAvro(ValueError):
    """A value that is no Avro schema."""


def sound(schema: Any) -> dict[str, Any]:
    """The schema of a message, when it can be compared: a record whose parts all are what a schema may hold.

    Raises:
        NotAvro: When it is not.
    """
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise NotAvro("it is not a record")
    _check(schema, set())
    return schema


def _check(schema: Any, known: set[str]) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _check(branch, known)
    elif isinstance(schema, str):
        if schema not in PRIMITIVES and schema.rpartition(".")[2] not in known:
            raise NotAvro(f"`{schema}` is not defined")
    elif isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
        _check(schema["type"], known)
    elif isinstance(schema, dict):
        _check_complex(schema, known)
    else:
        raise NotAvro(f"{schema!r} is no schema")


def _check_complex(schema: dict[str, Any], known: set[str]) -> None:
    needed = _NEEDED.get(str(schema.get("type")))
    if needed is None:
        _check(schema.get("type"), known)
        return
    for key, kind in needed.items():
        if not isinstance(schema.get(key), kind):
            raise NotAvro(f"a {schema['type']} has no `{key}`")
    if "name" in needed:
        known.add(schema["name"].rpartition(".")[2])
    for field in schema.get("fields", ()):
        _check_field(field, known)
    for inner in needed.keys() & {"items", "values"}:
        _check(schema[inner], known)


def _check_field(field: Any, known: set[str]) -> None:
    if not isinstance(field, dict) or not isinstance(field.get("name"), str):
        raise NotAvro("a field has no name")
    if not isinstance(field.get("aliases", []), list):
        raise NotAvro(f"the aliases of `{field['name']}` are no list")
    _check(field.get("type"), known)


_NEEDED: Mapping[str, Mapping[str, type]] = {
    "record": {"name": str, "fields": list},
    "enum": {"name": str, "symbols": list},
    "fixed": {"name": str, "size": int},
    "array": {"items": object},
    "map": {"values": object},
}
