"""Whether data of one Avro schema can be read with another: the rules of schema resolution in the Avro specification.

The verdict is that of Avro's own checkers, save for one thing more: a logical type that appears, vanishes or changes
leaves the bytes readable and what they mean wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fleetgen.contracts.avro_form import PRIMITIVES
from fleetgen.contracts.breaks import Break, Path, Why

Schema = Any  # a name, a union as a list, or a mapping

_PROMOTED: Mapping[str, tuple[str, ...]] = {  # reader -> writers it understands besides its own
    "long": ("int",),
    "float": ("int", "long"),
    "double": ("int", "long", "float"),
    "string": ("bytes",),
    "bytes": ("string",),
}


def unreadable(reader: Schema, writer: Schema) -> tuple[Break, ...]:
    """Why `reader` cannot read what `writer` wrote; nothing where it can."""
    found = _Reading(_definitions(reader), _definitions(writer)).types((), reader, writer)
    return tuple(dict.fromkeys(found))


class _Reading:
    """One comparison; pairs of records under way are taken to fit, so that recursive ones come to an end."""

    def __init__(self, reading: Mapping[str, Schema], writing: Mapping[str, Schema]) -> None:
        self._reading = reading
        self._writing = writing
        self._under_way: set[tuple[str, str]] = set()

    def types(self, path: Path, reader: Schema, writer: Schema) -> Iterator[Break]:
        reader, writer = _defined(reader, self._reading), _defined(writer, self._writing)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.types(path, reader, branch)
        elif isinstance(reader, list):
            yield from self._branch(path, reader, writer)
        else:
            yield from self._one(path, reader, writer)

    def _branch(self, path: Path, branches: list[Schema], writer: Schema) -> Iterator[Break]:
        """A union reads what one of its branches reads; where none does, the most alike tells why."""
        alike: list[Break] | None = None
        for branch in branches:
            faults = list(self.types(path, branch, writer))
            if not faults:
                return
            if _kind(_defined(branch, self._reading)) == _kind(writer) and alike is None:
                alike = faults
        yield from alike or [Break(path, Why.TYPE, f"may be {_said(writer)}, which has no place in {_said(branches)}")]

    def _one(self, path: Path, reader: Schema, writer: Schema) -> Iterator[Break]:
        kind, written = _kind(reader), _kind(writer)
        if kind != written:
            if written not in _PROMOTED.get(kind, ()):
                yield Break(path, Why.TYPE, f"is written as {_said(writer)} and read as {_said(reader)}")
            return
        if kind in ("record", "enum", "fixed") and not _same_name(reader, writer):
            yield Break(path, Why.NAME, f"is written as a `{writer['name']}` and read as a `{reader['name']}`")
            return
        if _logical(reader) != _logical(writer):
            yield Break(path, Why.MEANING, f"is written as {_said(writer)} and read as {_said(reader)}")
        inner = {"record": self._record, "enum": self._enum, "fixed": self._fixed}.get(kind)
        if inner:
            yield from inner(path, reader, writer)
        elif kind in ("array", "map"):
            part = "items" if kind == "array" else "values"
            yield from self.types(path, reader[part], writer[part])

    def _record(self, path: Path, reader: Schema, writer: Schema) -> Iterator[Break]:
        pair = (reader["fullname"], writer["fullname"])
        if pair in self._under_way:
            return
        self._under_way.add(pair)
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            here = (*path, field["name"])
            names = (field["name"], *field.get("aliases", ()))
            source = next((written[name] for name in names if name in written), None)
            if source is not None:
                yield from self.types(here, field["type"], source["type"])
            elif "default" not in field:
                yield Break(here, Why.NO_DEFAULT, "is not in every record, and has no default")
        self._under_way.discard(pair)

    def _enum(self, path: Path, reader: Schema, writer: Schema) -> Iterator[Break]:
        if reader.get("default") in reader["symbols"]:
            return
        for symbol in writer["symbols"]:
            if symbol not in reader["symbols"]:
                yield Break(path, Why.SYMBOL, f"may be `{symbol}`, which not every reader knows")

    def _fixed(self, path: Path, reader: Schema, writer: Schema) -> Iterator[Break]:
        if reader["size"] != writer["size"]:
            yield Break(path, Why.TYPE, f"is written in {writer['size']} bytes and read in {reader['size']}")


def _definitions(schema: Schema) -> dict[str, Schema]:
    """All named types by full name, each with its own full name inside."""
    found: dict[str, Schema] = {}

    def visit(part: Schema, space: str) -> None:
        if isinstance(part, list):
            for branch in part:
                visit(branch, space)
        elif isinstance(part, dict):
            if part.get("type") in ("record", "enum", "fixed", "error"):
                full = (
                    part["name"]
                    if "." in part["name"]
                    else ".".join(filter(None, (part.get("namespace", space), part["name"])))
                )
                space = full.rpartition(".")[0]
                found[full] = {**part, "fullname": full, "space": space}
            for inner in (part.get("items"), part.get("values"), *(field["type"] for field in part.get("fields", ()))):
                visit(inner, space)
            if isinstance(part.get("type"), dict | list):
                visit(part["type"], space)

    visit(schema, "")
    return found


def _defined(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """A name's definition; anything else as it is."""
    if isinstance(schema, dict) and isinstance(schema.get("type"), dict | list):
        return _defined(schema["type"], definitions)
    if isinstance(schema, dict) and schema.get("type") in ("record", "enum", "fixed") and "fullname" not in schema:
        name = schema["name"]
        space = schema.get("namespace")
        wanted = name if "." in name or space is None else f"{space}.{name}"
        return definitions.get(wanted) or _by_last(name, definitions)
    if isinstance(schema, str) and schema not in PRIMITIVES:
        return definitions.get(schema) or _by_last(schema, definitions)
    return schema


def _by_last(name: str, definitions: Mapping[str, Schema]) -> Schema:
    """A name without its namespace, which it shares with what it stands in."""
    last = name.rpartition(".")[2]
    return next((found for full, found in definitions.items() if full.rpartition(".")[2] == last), name)


def _kind(schema: Schema) -> str:
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)


def _logical(schema: Schema) -> str:
    return str(schema.get("logicalType", "")) if isinstance(schema, dict) else ""


def _same_name(reader: Schema, writer: Schema) -> bool:
    """Names are compared without their namespaces, as Avro's Java library does; the reader's aliases count."""
    last = {name.rpartition(".")[2] for name in (reader["name"], *reader.get("aliases", ()))}
    return writer["name"].rpartition(".")[2] in last


def _said(schema: Schema) -> str:
    if isinstance(schema, list):
        return " or ".join(_said(branch) for branch in schema)
    if isinstance(schema, dict):
        named = schema.get("logicalType") or schema.get("name")
        return (
            f"`{named}`"
            if named
            else f"a list of {_said(schema['items'])}"
            if schema["type"] == "array"
            else f"`{schema['type']}`"
        )
    return f"`{schema}`"
