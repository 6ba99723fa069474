"""Typed access to a mapping by its table: what is not written, or not readable, is the table's default."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fleetgen.core.diagnostic import Span
from fleetgen.model.fleet import Reason
from fleetgen.spec.grammar.units import Unreadable, duration, flag, rate, share, size, whole
from fleetgen.spec.node import Mapping, Node, Scalar, Sequence, is_null
from fleetgen.spec.shape import (
    Anything,
    ByKind,
    Flag,
    ListOf,
    MapOf,
    Quantity,
    Record,
    Shape,
    Whole,
)

NOTHING = Mapping((), Span(""))
_QUANTITIES = {"duration": duration, "size": size, "rate": rate, "share": share}


def scalars(node: Node | None) -> tuple[Scalar, ...]:
    """The texts of a list, or the one text that stands without brackets."""
    if isinstance(node, Scalar):
        return () if node.is_null else (node,)
    if isinstance(node, Sequence):
        return tuple(item for item in node.items if isinstance(item, Scalar) and not item.is_null)
    return ()


def entries(node: Node | None) -> Iterator[tuple[Scalar, Node]]:
    """The entries of a mapping, nothing of anything else."""
    if isinstance(node, Mapping):
        yield from node


class Reader:
    """One mapping of the grammar. Problems of form were reported by the check; here they only mean the default."""

    def __init__(self, record: Record, node: Node | None) -> None:
        """A short form counts as a mapping with the one key it stands for."""
        self.record = record
        self.node = NOTHING
        if isinstance(node, Mapping):
            self.node = node
        elif record.stands_for and node is not None and not is_null(node):
            key = Scalar(record.stands_for, node.span)
            self.node = Mapping(((key, node),), node.span)

    def has(self, key: str) -> bool:
        """Whether it is written."""
        return self.get(key) is not None

    def get(self, key: str) -> Node | None:
        """The node behind a key of the table."""
        self.record.entry(key)
        return self.node.get(key)

    def span(self, key: str, otherwise: Span) -> Span:
        """Where the value of `key` is written."""
        found = self.node.get(key)
        return found.span if found is not None else otherwise

    def child(self, key: str) -> Reader:
        """The record behind a key."""
        shape = self.record.entry(key).shape
        assert isinstance(shape, Record)
        return Reader(shape, self.get(key))

    def scalar(self, key: str) -> Scalar | None:
        """The text behind a key, with its place."""
        found = self.get(key)
        return found if isinstance(found, Scalar) else None

    def text(self, key: str, otherwise: str | None = None) -> str:
        """The text behind a key, else `otherwise`, else the table's default."""
        found = self.scalar(key)
        if found is not None:
            return found.text
        return self.record.entry(key).default if otherwise is None else otherwise

    def word(self, key: str) -> str:
        """A word among the choices, else the default."""
        shape = self.record.entry(key).shape
        text = self.text(key)
        choices = getattr(shape, "choices", ())
        return text if text in choices or getattr(shape, "open", False) else self.record.entry(key).default

    def words(self, key: str) -> tuple[str, ...]:
        """The texts of a list."""
        return tuple(scalar.text for scalar in scalars(self.get(key)))

    def value(self, key: str) -> Any:
        """A quantity, number or truth value; the default where it is not written; None without one."""
        shape = self.record.entry(key).shape
        for text in (self.text(key, ""), self.record.entry(key).default):
            if text:
                found = read_scalar(shape, text)
                if found is not None:
                    return found
        return None

    def number(self, key: str) -> float:
        """A quantity that has a default."""
        return float(self.value(key))

    def maybe(self, key: str) -> float | None:
        """A quantity that may be absent."""
        found = self.value(key)
        return None if found is None else float(found)

    def whole(self, key: str) -> int:
        """A whole number that has a default."""
        return int(self.value(key))

    def waive(self) -> dict[str, Reason]:
        """Rule id -> reason."""
        if "waive" not in self.record.keys:
            return {}
        written = entries(self.get("waive"))
        return {key.text: Reason(value.text, key.span) for key, value in written if isinstance(value, Scalar)}

    def plain(self, key: str) -> Any:
        """What stands behind a key as plain data, quantities as numbers."""
        return plain(self.record.entry(key).shape, self.get(key))


def read_scalar(shape: Shape, text: str) -> Any:
    """The value of a text of that shape, or None where it cannot be read."""
    try:
        match shape:
            case Quantity():
                return _QUANTITIES[shape.kind](text)
            case Whole():
                return whole(text, shape.least, shape.most)
            case Flag():
                return flag(text)
    except Unreadable:
        return None
    return text


def plain(shape: Shape, node: Node | None) -> Any:
    """Plain data of a node: short forms written out, quantities as numbers, defaults filled in."""
    if node is None or is_null(node):
        return {} if isinstance(shape, (Record, MapOf, Anything)) else None
    match shape:
        case Record():
            return _plain_record(shape, node)
        case MapOf():
            return {key.text: plain(shape.of, value) for key, value in entries(node)}
        case ListOf():
            return [plain(shape.of, item) for item in (node.items if isinstance(node, Sequence) else (node,))]
        case ByKind():
            return _plain_by_kind(shape, node)
    return read_scalar(shape, node.text) if isinstance(node, Scalar) and shape != Anything() else anything(node)


def _plain_record(shape: Record, node: Node) -> dict[str, Any]:
    reader = Reader(shape, node)
    found: dict[str, Any] = {}
    for entry in shape.entries:
        written = reader.get(entry.key)
        if written is not None:
            found[entry.key] = plain(entry.shape, written)
        elif entry.default and isinstance(entry.shape, (Quantity, Whole, Flag)):
            value = read_scalar(entry.shape, entry.default)
            found |= {} if value is None else {entry.key: value}
    return found


def _plain_by_kind(shape: ByKind, node: Node) -> Any:
    if isinstance(node, Mapping):
        return plain(shape.mapping or Anything(), node)
    if isinstance(node, Sequence):
        return plain(shape.sequence or Anything(), node)
    return plain(shape.scalar or Anything(), node)


def anything(node: Node) -> Any:
    """Plain data without a table: whole numbers and truth values are read, all else is text."""
    if isinstance(node, Mapping):
        return {key.text: anything(value) for key, value in node}
    if isinstance(node, Sequence):
        return [anything(item) for item in node.items]
    if node.is_null:
        return None
    if node.plain and node.text in ("true", "false"):
        return node.text == "true"
    if node.plain and node.text.lstrip("-").isdigit() and len(node.text) < 18:
        return int(node.text)
    return node.text
