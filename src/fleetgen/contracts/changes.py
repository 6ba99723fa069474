"""What changed between a released version and now, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleetgen.contracts.compatibility import Schema, misfits
from fleetgen.contracts.contract import Contract
from fleetgen.contracts.proto_file import ProtoFile, ProtoMessage
from fleetgen.contracts.released import Released


@dataclass(frozen=True)
class Change:
    """What happened to one contract since its newest release. `breaking` ones begin with `!` in print."""

    contract: str  # its key
    words: tuple[str, ...]
    breaking: bool = False


def changes(contracts: tuple[Contract, ...], released: Released) -> tuple[Change, ...]:
    """All contracts that a release would add a version of, and released ones that nothing describes any more."""
    found = [change for contract in contracts if (change := _change(contract, released))]
    described = {contract.key for contract in contracts}
    gone = sorted(released.versions.keys() - described)
    found += [Change(key, ("is no longer described; its released versions stay",)) for key in gone]
    return tuple(sorted(found, key=lambda change: change.contract))


def _change(contract: Contract, released: Released) -> Change | None:
    versions = released.of(contract.key)
    if not versions:
        return Change(contract.key, ("is new",))
    if versions[-1][1] == contract.schema:
        return None
    words = tuple(_words(fields(versions[-1][1]), fields(contract.schema)))
    breaking = bool(misfits(contract.level, contract.schema, versions))
    return Change(contract.key, words or ("is written differently",), breaking)


def _words(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in now:
        if name not in before:
            yield f"adds `{name}`: {now[name]}"
        elif before[name] != now[name]:
            yield f"changes `{name}` from {before[name]} to {now[name]}"
    for name in before:
        if name not in now:
            yield f"removes `{name}`"
    if before.keys() == now.keys() and list(before) != list(now):
        yield "puts its fields in another order"


def fields(schema: Schema) -> dict[str, str]:
    """Every field by its path, with its type as a person says it."""
    if isinstance(schema, ProtoFile):
        parts = {part.name: part for part in schema.message.nested}
        return dict(_proto("", schema.message, parts))
    return dict(_avro("", schema))


def _proto(above: str, message: ProtoMessage, parts: Mapping[str, ProtoMessage]) -> Iterator[tuple[str, str]]:
    for each in message.fields:
        yield above + each.wire, f"{each.label + ' ' if each.label else ''}{each.type}"
        if each.type in parts:
            yield from _proto(f"{above}{each.wire}.", parts[each.type], parts)


def _avro(above: str, schema: Any) -> Iterator[tuple[str, str]]:
    for each in schema["fields"]:
        yield above + each["name"], _type(each["type"])
        for inner in _records(each["type"]):
            yield from _avro(f"{above}{each['name']}.", inner)


def _records(schema: Any) -> Iterator[Any]:
    """The records that are defined at this place."""
    if isinstance(schema, list):
        for branch in schema:
            yield from _records(branch)
    elif isinstance(schema, dict):
        if schema["type"] == "record":
            yield schema
        yield from _records(schema.get("items"))


def _type(schema: Any) -> str:
    if isinstance(schema, list):
        inner = [_type(branch) for branch in schema if branch != "null"]
        return f"{'optional ' if 'null' in schema else ''}{' or '.join(inner)}"
    if isinstance(schema, dict):
        if schema["type"] == "array":
            return f"list of {_type(schema['items'])}"
        return str(schema.get("logicalType") or schema.get("name") or schema["type"])
    return str(schema).rpartition(".")[2]
