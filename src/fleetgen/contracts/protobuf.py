"""Protobuf messages of events and commands, with field numbers that never move.

Numbers are remembered by the released versions: a field that was released keeps its number wherever it stands in the
specification, a new one gets the next number that no released version used, and those of fields that are gone become
`reserved`. Before the first release numbers follow the order of the fields.

Mapping of neutral types: exact decimals, dates and JSON travel as text, moments and durations as Protobuf's own
`Timestamp` and `Duration`, money as a message of minor units and currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fleetgen.contracts.proto_file import Label, ProtoFile, ProtoMessage, proto_field
from fleetgen.core import names
from fleetgen.model.fleet import Field, Value
from fleetgen.model.types import Type

_SCALARS: Mapping[str, str] = {
    "string": "string",
    "text": "string",
    "url": "string",
    "json": "string",
    "decimal": "string",
    "uuid": "string",
    "date": "string",
    "int": "int64",
    "bool": "bool",
    "datetime": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
}
# An underscore keeps names of ours off those of value objects, which have none.
MONEY = "Money_"
_MONEY_FIELDS = (
    Field(name="amount", type=Type("int")),
    Field(name="currency", type=Type("string")),
)
_OF_COMPILERS = range(19000, 20000)


def file(
    name: str, package: str, fields: Sequence[Field], values: Mapping[str, Value], released: Sequence[ProtoFile]
) -> ProtoFile:
    """The file of one message; `released` are its released versions, oldest first."""
    return ProtoFile(package, _Writer(values, [each.message for each in released]).message(name, fields))


class _Writer:
    """Writes one message with its parts; remembers which parts it needs."""

    def __init__(self, values: Mapping[str, Value], released: Sequence[ProtoMessage]) -> None:
        self._values = values
        self._released = released
        self._parts: dict[str, tuple[Field, ...]] = {}

    def message(self, name: str, fields: Sequence[Field]) -> ProtoMessage:
        written = self._written(name, fields, self._released)
        parts: dict[str, ProtoMessage] = {}
        while todo := sorted(self._parts.keys() - parts.keys()):
            for part in todo:
                parts[part] = self._written(part, self._parts[part], self._earlier(part))
        kept = {part.name: part for whole in self._released for part in whole.nested}
        nested = {**kept, **parts}  # a released part stays, for its name must not come back with another meaning
        return ProtoMessage(
            written.name,
            written.fields,
            tuple(nested[part] for part in sorted(nested)),
            written.reserved,
            written.reserved_names,
        )

    def _earlier(self, part: str) -> list[ProtoMessage]:
        return [each for whole in self._released for each in whole.nested if each.name == part]

    def _written(self, name: str, fields: Sequence[Field], released: Sequence[ProtoMessage]) -> ProtoMessage:
        known = {each.name: each.number for whole in released for each in whole.fields}
        taken = {*known.values(), *(number for whole in released for number in whole.reserved)}
        free = _free(taken)
        written = []
        for field in fields:
            label, type_ = self._type(field.name, field.type)
            own = names.snake(field.name)
            before = names.snake(field.renamed_from) if field.renamed_from else ""
            number = known.get(own) or known.get(before) or next(free)
            written.append(proto_field(own, type_, number, label, field.name))
        used = {each.number for each in written}
        spoken = {each.name for each in written}
        renamed = {each.number for each in written if each.name not in known}
        gone = {each for each, number in known.items() if number not in renamed}
        gone |= {each for whole in released for each in whole.reserved_names}
        return ProtoMessage(
            name,
            tuple(sorted(written, key=lambda each: each.number)),
            reserved=tuple(sorted(taken - used)),
            reserved_names=tuple(sorted(gone - spoken)),
        )

    def _type(self, name: str, type_: Type) -> tuple[Label, str]:
        if type_.kind == "optional" and type_.of:
            label, inner = self._type(name, type_.of)
            return "optional", self._list(name, type_.of) if label == "repeated" else inner
        if type_.kind == "list" and type_.of:
            return "repeated", self._type(name, type_.of)[1]
        if type_.kind == "money":
            self._parts[MONEY] = _MONEY_FIELDS
            return "", MONEY
        if type_.kind == "value":
            self._parts[type_.value] = self._values[type_.value].fields
            return "", type_.value
        return "", _SCALARS[type_.kind]

    def _list(self, name: str, type_: Type) -> str:
        """Protobuf cannot tell an absent list from an empty one; a message around it can."""
        part = f"{names.pascal(name)}_List"
        self._parts[part] = (Field(name="items", type=type_),)
        return part


def _free(taken: set[int]) -> Iterator[int]:
    number = max(taken, default=0)
    while True:
        number += 1
        if number not in _OF_COMPILERS:
            yield number
