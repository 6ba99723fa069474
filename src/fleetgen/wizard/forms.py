"""How a reply is read: a text becomes data of the specification, or is refused with the specification's own words.

Every check is the specification's: a reply is put into the form of YAML, read by its reader and held against its
tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fleetgen.core.diagnostic import Diagnostic, Severity, Span
from fleetgen.spec.check import Checker
from fleetgen.spec.codes import Problems
from fleetgen.spec.emit import Bare, scalar
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.node import Mapping as MappingNode
from fleetgen.spec.node import Node, Scalar, Sequence, is_null
from fleetgen.spec.shape import ListOf, Name, Shape, Whole
from fleetgen.spec.source import parse

_HERE = Span("answer")
_BARE = re.compile(r"-?[0-9]+(\.[0-9]+)?|true|false|True|False|TRUE|FALSE", re.ASCII)
_FORM = "write `name: value`"


@dataclass(frozen=True)
class Refusal:
    """Why a reply cannot stand, what to write instead, and in which of its lines (from 0)."""

    message: str
    hint: str = ""
    line: int = 0


Read = tuple[Any, Refusal | None]


def data_of(node: Node) -> Any:
    """A node as plain data that is written as it was read: numbers and truth values stay bare."""
    if isinstance(node, MappingNode):
        return {key.text: data_of(value) for key, value in node}
    if isinstance(node, Sequence):
        return [data_of(item) for item in node.items]
    if is_null(node):
        return Bare("null")
    return Bare(node.text) if node.plain and _BARE.fullmatch(node.text) else node.text


@dataclass(frozen=True)
class Line:
    """One line of text; with `choices`, one of these."""

    shape: Shape
    required: bool = False
    choices: tuple[str, ...] = ()

    def read(self, reply: str) -> Read:
        """The text, or None where nothing was said."""
        text = reply.strip()
        if not text:
            return None, Refusal("something has to be said here", "write a word, or `<` to go back") if (
                self.required
            ) else None
        said = Bare(text) if isinstance(self.shape, Whole) else text
        return said, _checked(self.shape, Scalar(text, _HERE, plain=False))


@dataclass(frozen=True)
class Names:
    """Names of one kind on one line, between commas."""

    shape: Name

    def read(self, reply: str) -> Read:
        """The names as a list."""
        names = [name for name in re.split(r"[,\s]+", reply) if name]
        nodes = Sequence(tuple(Scalar(name, _HERE, plain=False) for name in names), _HERE)
        return names, _checked(ListOf(self.shape), nodes) or _twice([(name, 0) for name in names])


def _enclosed(line: str) -> str:
    return "{" + line.rstrip(",") + "}"


@dataclass(frozen=True)
class Lines:
    """Several lines of `name: value`; `translate` turns another form of a line into a mapping of YAML.

    The value is one mapping; with `several`, a list of what each line said.
    """

    shape: Shape
    required: bool = False
    several: bool = False
    translate: Callable[[str], str] = _enclosed

    def read(self, reply: str) -> Read:
        """What the lines say."""
        found: list[Mapping[str, Any]] = []
        names: list[tuple[str, int]] = []
        for number, line in enumerate(reply.split("\n")):
            if line.strip():
                said, refusal = self._line(line.strip())
                if refusal is not None:
                    return None, Refusal(refusal.message, refusal.hint, number)
                found.append(said)
                names += [(name, number) for name in said]
        if self.required and not found:
            return None, Refusal("something has to be said here", "write a line, or `<` to go back")
        if self.several:
            return found, None
        return {name: value for said in found for name, value in said.items()}, _twice(names)

    def _line(self, line: str) -> tuple[dict[str, Any], Refusal | None]:
        try:
            node, broken = _parsed(self.translate(line))
        except Unreadable as error:
            return {}, Refusal(error.message, error.hint)
        if node is None:
            return {}, _first(broken, line)
        problems = Problems()
        Checker(problems).check(self.shape, node)
        return data_of(node), _first((*broken, *problems.found), line)


Form = Line | Names | Lines


def _checked(shape: Shape, node: Node) -> Refusal | None:
    problems = Problems()
    Checker(problems).check(shape, node)
    return _first(problems.found, "") or _kept(node)


def _kept(node: Node) -> Refusal | None:
    """A text comes back from YAML as it was said; some characters do not."""
    for each in node.items if isinstance(node, Sequence) else (node,):
        if isinstance(each, Scalar):
            read, broken = _parsed(f"said: {scalar(each.text)}")
            back = read.get("said") if read is not None else None
            if broken or not isinstance(back, Scalar) or back.text != each.text:
                return Refusal("the text holds a character that YAML does not keep", "write it without that character")
    return None


@lru_cache(1024)  # a walk through the script reads every reply again
def _parsed(text: str) -> tuple[MappingNode | None, tuple[Diagnostic, ...]]:
    problems = Problems()
    return parse(text, "answer", problems), problems.found


def _first(found: Iterable[Diagnostic], line: str) -> Refusal | None:
    errors = [each for each in found if each.severity is Severity.ERROR]
    if not errors:
        return None
    if errors[0].name == "broken-yaml":
        return Refusal(f"`{line}` cannot be read", _FORM)
    return Refusal(errors[0].message, errors[0].hint)


def _twice(names: Iterable[tuple[str, int]]) -> Refusal | None:
    seen: set[str] = set()
    for name, number in names:
        if name in seen:
            return Refusal(f"`{name}` stands twice", "keep one of them", number)
        seen.add(name)
    return None
