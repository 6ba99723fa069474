"""Finds the place in the specification that bears a fact out, short forms and defaults included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from fleetgen.core.diagnostic import Span
from fleetgen.report.architecture.leaf import Fact, Phrase, Unwritten, Written, joined
from fleetgen.spec.load import CONTEXT_FOLDER, FLEET_FILE
from fleetgen.spec.node import Document, Mapping, Node, Scalar, Sequence
from fleetgen.spec.shape import ByKind, Grammar, ListOf, MapOf, Record, Shape
from fleetgen.spec.table.fleet import FLEET

Path = tuple[str | int, ...]
_STEP_WORDS = ("do", "undo", "pivot", "call")  # a step as one text says all of them


@dataclass(frozen=True, eq=False)
class Book:
    """The specification as written. Paths are keys, indexes of lists, or the text of an item of a list."""

    document: Document

    def fact(self, text: str, *paths: Path) -> Fact:
        """`text`, by the first of `paths` that is written, else by the default of the first."""
        written = next((path for path in paths if self.has(*path)), paths[0])
        return Fact(text, self._source(written))

    def word(self, *path: str | int) -> Fact:
        """What is written there, as it is written, else the default."""
        source = self._source(path)
        return Fact(source.says, source)

    def items(self, *path: str | int) -> tuple[tuple[str, Fact], ...]:
        """The texts and lists of texts that a mapping holds, each with its key as it is written."""
        node: Node | None = self.document.root
        for part in path:
            found = None if isinstance(node, Scalar) or node is None else _step(node, part)
            node = found[2] if found else None
        keys = [key.text for key, value in node if not isinstance(value, Mapping)] if isinstance(node, Mapping) else []
        return tuple((key, self.word(*path, key)) for key in keys)

    def pairs(self, *path: str | int) -> Phrase:
        """`start 5%, rollback auto`: every text of a mapping behind its key, which is a fact too."""
        found = self.items(*path)
        return joined((Fact(key.replace("-", " "), fact.source), " ", fact) for key, fact in found)

    def has(self, *path: str | int) -> bool:
        """Whether it is written."""
        return self._written(path) is not None

    def _source(self, path: Path) -> Written | Unwritten:
        return self._written(path) or Unwritten(_said(path), default(path))

    def _written(self, path: Path) -> Written | None:
        node: Node = self.document.root
        shape: Shape | None = FLEET
        reached: list[str | int] = []
        span = node.span
        for part in path:
            shape = _by_kind(shape, node)
            if isinstance(node, Scalar):
                if not _stands_for(shape, node, part):
                    return None
                break
            found = _step(node, part)
            if found is None:
                return None
            at, span, node = found
            reached.append(at)
            shape = _inside(shape, part)
        says = _says(node, reached)
        return Written(_said(reached), says, self._portable(span if says == _last(reached) else node.span))

    def _portable(self, span: Span) -> Span:
        """Named as the fleet's folder holds it."""
        main = span.file == self.document.path
        file = FLEET_FILE if main else f"{CONTEXT_FOLDER}/{PurePosixPath(span.file).stem}.yaml"
        return Span(file, span.line, span.column, span.length)


def _step(node: Mapping | Sequence, part: str | int) -> tuple[str | int, Span, Node] | None:
    """Where the part was found, the place of its key, and what stands there."""
    if isinstance(node, Mapping):
        key, value = node.key(str(part)), node.get(str(part))
        if key is None:
            return None
        return key.text, key.span, value if value is not None else Scalar("", key.span)
    for place, item in enumerate(node.items):
        if part in {place, item.text if isinstance(item, Scalar) else place}:
            return place, item.span, item
    return None


def _says(node: Node, path: list[str | int]) -> str:
    """A text, the texts of a list, or the name of the key where more stands below it."""
    if isinstance(node, Sequence) and all(isinstance(item, Scalar) for item in node.items):
        return ", ".join(item.text for item in node.items if isinstance(item, Scalar))
    return node.text if isinstance(node, Scalar) and node.text else _last(path)


def _last(path: list[str | int]) -> str:
    return str(path[-1]) if path else ""


def _said(path: Path | list[str | int]) -> str:
    """`sagas.transfer.steps[1].call`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def default(path: Path) -> str:
    """What the grammar says for a path where nothing is written: the default nearest to its end."""
    shape: Shape | None = FLEET
    found = ""
    for part in path:
        if isinstance(shape, ByKind):
            shape = shape.mapping if isinstance(part, str) and shape.mapping else shape.sequence
        if isinstance(shape, Record):
            found = next((entry.default for entry in shape.entries if entry.key == part), "") or found
        shape = _inside(shape, part)
    return found


def _inside(shape: Shape | None, part: str | int) -> Shape | None:
    """The shape of what stands behind a key or at an index."""
    if isinstance(shape, Record):
        return next((entry.shape for entry in shape.entries if entry.key == part), None)
    return shape.of if isinstance(shape, (MapOf, ListOf)) else None


def _by_kind(shape: Shape | None, node: Node) -> Shape | None:
    """The shape for a list or mapping, where the grammar has one for each; a text keeps the choice open."""
    if not isinstance(shape, ByKind) or isinstance(node, Scalar):
        return shape
    return shape.mapping if isinstance(node, Mapping) else shape.sequence


def _stands_for(shape: Shape | None, node: Scalar, part: str | int) -> bool:
    """Whether a text is the short form of a mapping with that key, or of a list with that item."""
    if isinstance(shape, ByKind) and isinstance(shape.mapping, Record):
        return part == shape.mapping.entries[0].key
    if isinstance(shape, Record) and not node.is_null:
        return part in _STEP_WORDS if isinstance(shape.short, Grammar) else part == shape.stands_for != ""
    return node.text == part and not node.is_null
