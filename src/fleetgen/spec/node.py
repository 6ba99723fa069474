"""What a specification says, as a tree of nodes that know their place. Knows YAML's shapes, nothing of fleets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from fleetgen.core.diagnostic import Span


@dataclass(frozen=True)
class Scalar:
    """A text as written, without its quotes. `offset` is the length of what stands before it on its line."""

    text: str
    span: Span
    plain: bool = True
    offset: int = 0  # 1 for a quoted text: columns inside count from behind the quote
    single_line: bool = True
    ambiguous: bool = False  # reported when it was read; nothing more is said of it

    @property
    def is_null(self) -> bool:
        """Nothing is written, or one of YAML's words for it."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")

    def part(self, start: int, length: int = 1) -> Span:
        """The place of a part of the text, as exactly as one line allows."""
        if not self.single_line:
            return self.span
        return Span(self.span.file, self.span.line, self.span.column + self.offset + start, max(length, 1))


@dataclass(frozen=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True)
class Mapping:
    """A mapping; keys are unique, duplicates were reported when reading."""

    entries: tuple[tuple[Scalar, Node], ...]
    span: Span

    @cached_property
    def _by_key(self) -> dict[str, tuple[Scalar, Node]]:
        found: dict[str, tuple[Scalar, Node]] = {}
        for key, value in self.entries:
            found.setdefault(key.text, (key, value))
        return found

    def get(self, key: str) -> Node | None:
        """The value of `key`, or None; a null counts as not written."""
        found = self._by_key.get(key)
        if found is None or (isinstance(found[1], Scalar) and found[1].is_null):
            return None
        return found[1]

    def key(self, key: str) -> Scalar | None:
        """The key itself, for its place."""
        found = self._by_key.get(key)
        return found[0] if found else None

    def keys(self) -> tuple[str, ...]:
        """In the order written."""
        return tuple(self._by_key)

    def __iter__(self) -> Iterator[tuple[Scalar, Node]]:
        """Entries in the order written, each key once."""
        return iter(self._by_key.values())


Node = Scalar | Sequence | Mapping


def is_null(node: Node | None) -> bool:
    """Whether nothing is written."""
    return node is None or (isinstance(node, Scalar) and node.is_null)


def kind_of(node: Node) -> str:
    """What a person would call it."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.is_null else "a text"


@dataclass(frozen=True)
class Document:
    """A specification as written: one tree, merged from its files. `flawed`: reading it already found errors."""

    path: str
    root: Mapping
    texts: dict[str, str] = field(compare=False)  # file -> its text, for carets and edits
    flawed: bool = False
