"""The shapes a part of a specification may have. Tables are made of them; checks, schema and manual read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["pascal", "camel", "kebab"]
QuantityKind = Literal["duration", "size", "rate", "share"]


@dataclass(frozen=True)
class Text:
    """Any text; `pattern` is checked."""

    says: str = "text"
    pattern: str = ""


@dataclass(frozen=True)
class Word:
    """One of `choices`; where `open`, any other word too (a tool or template of the user's own)."""

    choices: tuple[str, ...]
    open: bool = False


@dataclass(frozen=True)
class Flag:
    """`true` or `false`."""


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    least: int = 0
    most: int | None = None


@dataclass(frozen=True)
class Quantity:
    """A number with its unit."""

    kind: QuantityKind


@dataclass(frozen=True)
class Name:
    """A name in one form; `of` says what it names (`team`, `event`, …)."""

    form: Form
    of: str
    words: tuple[str, ...] = ()  # words of the grammar that stand in the place of a name, as `none`


@dataclass(frozen=True)
class Grammar:
    """A text with a grammar of its own."""

    kind: Literal["type", "field", "expression", "step", "relation", "schedule", "path", "binding"]


@dataclass(frozen=True)
class Anything:
    """Kept as written: only people or later tools read it."""


@dataclass(frozen=True)
class ListOf:
    """A list; a single item may stand without brackets where `bare`."""

    of: Shape
    bare: bool = True


@dataclass(frozen=True)
class MapOf:
    """A mapping from names to things of one shape. `empty`: a name alone, without a value, is enough."""

    key: Name | Text
    of: Shape
    empty: bool = False


@dataclass(frozen=True)
class Entry:
    """One key of a record: what it is, its default and an example, both as a person writes them."""

    key: str
    shape: Shape
    about: str
    default: str = ""
    example: str = ""
    required: bool = False


@dataclass(frozen=True)
class Record:
    """A mapping with known keys. `short` is a simpler form, which stands for the key `stands_for`."""

    title: str
    entries: tuple[Entry, ...]
    short: Shape | None = None
    stands_for: str = ""

    def entry(self, key: str) -> Entry:
        """The entry of that key; asking for another is a mistake in the program."""
        return next(entry for entry in self.entries if entry.key == key)

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys."""
        return tuple(entry.key for entry in self.entries)


@dataclass(frozen=True)
class ByKind:
    """Different shapes for a text, a list and a mapping."""

    scalar: Shape | None = None
    sequence: Shape | None = None
    mapping: Shape | None = None


Shape = Text | Word | Flag | Whole | Quantity | Name | Grammar | Anything | ListOf | MapOf | Record | ByKind
