"""Avro schemas of events and commands, as Confluent's registry and every Avro library read them.

Mapping of neutral types (specification reference, "Types"): exact decimals travel as text, durations as
milliseconds, money as the record `fleet.Money` of minor units and currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fleetgen.core import names
from fleetgen.model.fleet import Field, Value
from fleetgen.model.types import Type

Schema = dict[str, Any] | str

_SCALARS: Mapping[str, Schema] = {
    "string": "string",
    "text": "string",
    "url": "string",
    "json": "string",
    "decimal": "string",
    "int": "long",
    "bool": "boolean",
    "uuid": {"type": "string", "logicalType": "uuid"},
    "date": {"type": "int", "logicalType": "date"},
    "datetime": {"type": "long", "logicalType": "timestamp-micros"},
    "duration": "long",
}
_MONEY: dict[str, Any] = {
    "type": "record",
    "name": "Money",
    "namespace": "fleet",
    "fields": [{"name": "amount", "type": "long"}, {"name": "currency", "type": "string"}],
}


def record(name: str, namespace: str, fields: Sequence[Field], values: Mapping[str, Value]) -> dict[str, Any]:
    """The schema of one message: a record `namespace.name` with `fields` in order.

    `values` are the value objects that `fields` may mention; each is defined where it is met first and referred to
    by name afterwards, as Avro demands.
    """
    return _Writer(namespace, values).record(name, fields)


def namespace(fleet: str, context: str, version: int = 1) -> str:
    """Identifiers joined by dots; a later major version is a name, and so a subject, of its own: `shop.order.v2`."""
    return f"{names.snake(fleet)}.{names.snake(context)}" + (f".v{version}" if version > 1 else "")


class _Writer:
    """Writes one schema; remembers which named types it has defined."""

    def __init__(self, namespace: str, values: Mapping[str, Value]) -> None:
        self._namespace = namespace
        self._values = values
        self._defined: set[str] = set()

    def record(self, name: str, fields: Sequence[Field]) -> dict[str, Any]:
        return {
            "type": "record",
            "name": name,
            "namespace": self._namespace,
            "fields": [self._field(field) for field in fields],
        }

    def _field(self, field: Field) -> dict[str, Any]:
        written: dict[str, Any] = {"name": field.name, "type": self._type(field.type)}
        if field.renamed_from:
            written["aliases"] = [field.renamed_from]
        if field.type.kind == "optional":
            written["default"] = None
        return written

    def _type(self, type_: Type) -> Any:
        if type_.kind == "optional" and type_.of:
            return ["null", self._type(type_.of)]
        if type_.kind == "list" and type_.of:
            return {"type": "array", "items": self._type(type_.of)}
        if type_.kind == "money":
            return self._once("fleet.Money", _MONEY)
        if type_.kind == "value":
            return self._value(type_.value)
        return _SCALARS[type_.kind]

    def _value(self, name: str) -> Schema:
        full = f"{self._namespace}.{name}"
        if full in self._defined:
            return full
        self._defined.add(full)
        return self.record(name, self._values[name].fields)

    def _once(self, full: str, schema: dict[str, Any]) -> Schema:
        if full in self._defined:
            return full
        self._defined.add(full)
        return schema
