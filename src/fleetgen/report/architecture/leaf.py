"""What a report says, as data: leaves whose every fact knows what bears it out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fleetgen.core.diagnostic import Span


@dataclass(frozen=True)
class Written:
    """The specification says it: `path` leads to the value or, for a name, to its key. `says` is what stands there."""

    path: str
    says: str
    span: Span

    def data(self) -> dict[str, Any]:
        """Without the line, which the next edit of the specification would make wrong."""
        return {"kind": "specification", "file": self.span.file, "path": self.path, "says": self.says}


@dataclass(frozen=True)
class Unwritten:
    """The specification does not say it. `says` is the default of its grammar, empty where there is none."""

    path: str
    says: str

    def data(self) -> dict[str, Any]:
        """A default, or nothing."""
        return {"kind": "default" if self.says else "not written", "path": self.path, "says": self.says}


@dataclass(frozen=True)
class Figure:
    """The analysis counts or computes it: `name` of what `of` names."""

    name: str
    of: tuple[str, ...]
    value: str

    def data(self) -> dict[str, Any]:
        """The figure with what it is of."""
        return {"kind": "analysis", "figure": self.name, "of": list(self.of), "value": self.value}


@dataclass(frozen=True)
class Generated:
    """A generated file shows it: the file at `path` holds the text `holds`."""

    path: str
    holds: str

    def data(self) -> dict[str, Any]:
        """The file and what to look for."""
        return {"kind": "file", "path": self.path, "holds": self.holds}


@dataclass(frozen=True)
class Missing:
    """No generated file whose path fits the pattern `where` holds the text `lacks`."""

    where: str
    lacks: str

    def data(self) -> dict[str, Any]:
        """Where to look, and for what."""
        return {"kind": "not generated", "where": self.where, "lacks": self.lacks}


Source = Written | Unwritten | Figure | Generated | Missing


@dataclass(frozen=True)
class Fact:
    """Words of a leaf that stand for one fact. An empty text only adds a source."""

    text: str
    source: Source


Phrase = tuple[str | Fact, ...]


@dataclass(frozen=True)
class Leaf:
    """`label: text`, and what belongs below it. Plain strings are words around the facts and state none themselves."""

    label: Phrase
    text: Phrase = ()
    children: tuple[Leaf, ...] = ()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Of this leaf alone."""
        return tuple(part for part in (*self.label, *self.text) if isinstance(part, Fact))

    @property
    def said(self) -> str:
        """The leaf as one line. Texts of the specification may run over several lines; a branch is one."""
        label, text = words(self.label), words(self.text)
        return flat(f"{label}: {text}" if label and text else label or text)


@dataclass(frozen=True)
class Section:
    """`[DD-01] title` with its leaves."""

    code: str
    title: str | Phrase
    leaves: tuple[Leaf, ...]

    @property
    def heading(self) -> str:
        """On one line."""
        title = self.title if isinstance(self.title, str) else words(self.title)
        return flat(f"[{self.code}] {title}")

    def walk(self) -> Iterator[tuple[tuple[str, ...], Leaf]]:
        """Every leaf with the labels that lead to it, its own last; first the title, where it states a fact."""
        if not isinstance(self.title, str):
            yield (), Leaf(self.title)
        yield from _walk(self.leaves, ())


@dataclass(frozen=True)
class Chapter:
    """A title and its sections."""

    title: str
    sections: tuple[Section, ...]


def _walk(leaves: Iterable[Leaf], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    for leaf in leaves:
        here = (*above, flat(words(leaf.label or leaf.text)))
        yield here, leaf
        yield from _walk(leaf.children, here)


def words(phrase: Phrase) -> str:
    """A phrase as text."""
    return "".join(part if isinstance(part, str) else part.text for part in phrase)


def joined(phrases: Iterable[Phrase | Fact], between: str = ", ") -> Phrase:
    """Phrases one after the other; empty ones are left out."""
    found: list[str | Fact] = []
    for phrase in phrases:
        parts = (phrase,) if isinstance(phrase, Fact) else phrase
        if parts:
            found += [between, *parts] if found else parts
    return tuple(found)


# Spaces, control characters, and marks that turn the direction of writing.
_BREAKS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


def flat(text: str) -> str:
    """On one line, and without what would end the block of code that a tree stands in."""
    return _BREAKS.sub(" ", text).strip().replace("```", "'''")
