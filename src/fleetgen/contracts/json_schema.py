"""JSON Schemas of neutral types, for HTTP contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fleetgen.model.fleet import Field
from fleetgen.model.types import Type

_SCALARS: Mapping[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "text": {"type": "string"},
    "int": {"type": "integer", "format": "int64"},
    "decimal": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    "bool": {"type": "boolean"},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "duration": {"type": "string", "format": "duration"},
    "url": {"type": "string", "format": "uri"},
    "json": {"type": "string", "contentMediaType": "application/json"},
    "money": {"$ref": "#/components/schemas/Money"},
}
MONEY: dict[str, Any] = {
    "type": "object",
    "description": "An amount in minor units of a currency",
    "required": ["amount", "currency"],
    "additionalProperties": False,
    "properties": {
        "amount": {"type": "integer", "format": "int64"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    },
}


def type_schema(type_: Type) -> dict[str, Any]:
    """The schema of one type; value objects and money are references into `components/schemas`."""
    if type_.kind == "optional" and type_.of:
        return {"anyOf": [type_schema(type_.of), {"type": "null"}]}
    if type_.kind == "list" and type_.of:
        return {"type": "array", "items": type_schema(type_.of)}
    if type_.kind == "value":
        return {"$ref": f"#/components/schemas/{type_.value}"}
    return dict(_SCALARS[type_.kind])


def object_schema(fields: Iterable[Field]) -> dict[str, Any]:
    """A closed object; optional fields may be left out."""
    listed = tuple(fields)
    return {
        "type": "object",
        "required": [field.name for field in listed if field.type.kind != "optional"],
        "additionalProperties": False,
        "properties": {field.name: type_schema(field.type) for field in listed},
    }
