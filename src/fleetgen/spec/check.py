"""Holds a tree of nodes against the table: unknown keys, wrong kinds, texts that cannot be read. Resolves nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

from fleetgen.spec.codes import Code, Problems, choose, nearest
from fleetgen.spec.grammar.bindings import parse_binding, parse_path
from fleetgen.spec.grammar.expressions import parse_expression
from fleetgen.spec.grammar.relations import parse_relation
from fleetgen.spec.grammar.schedules import parse_schedule
from fleetgen.spec.grammar.steps import parse_step
from fleetgen.spec.grammar.types import parse_type
from fleetgen.spec.grammar.units import Unreadable, duration, flag, rate, share, size, whole
from fleetgen.spec.names import check_name
from fleetgen.spec.naming import a, called
from fleetgen.spec.node import Mapping, Node, Scalar, Sequence, is_null, kind_of
from fleetgen.spec.shape import (
    Anything,
    ByKind,
    Flag,
    Grammar,
    ListOf,
    MapOf,
    Name,
    Quantity,
    Record,
    Shape,
    Text,
    Whole,
    Word,
)

_TEXTS: dict[str, tuple[Code, Callable[[str], Any]]] = {
    "expression": (Code.BAD_EXPRESSION, parse_expression),
    "step": (Code.BAD_STEP, parse_step),
    "relation": (Code.BAD_RELATION, parse_relation),
    "schedule": (Code.BAD_SCHEDULE, parse_schedule),
    "binding": (Code.BAD_BINDING, parse_binding),
    "path": (Code.BAD_BINDING, parse_path),
}
_QUANTITIES: dict[str, Callable[[str], Any]] = {"duration": duration, "size": size, "rate": rate, "share": share}
_MOST_TEXT = 4000
_TYPO = 0.8  # likeness: `mongo` is, `java21` is not
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def unreadable(code: Code, error: Unreadable, node: Scalar, problems: Problems) -> None:
    """Report a text that a small grammar refused, at the exact part of it."""
    whole_text = error.length == 0
    span = node.span if whole_text else node.part(error.start, error.length)
    problems.add(code, error.message, span, error.hint)


class Checker:
    """One walk over the tree."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def check(self, shape: Shape, node: Node) -> None:
        """Report everything that does not fit."""
        if isinstance(shape, Anything) or (isinstance(node, Scalar) and node.ambiguous):
            return
        match shape:
            case Record():
                self._record(shape, node)
            case MapOf():
                self._map(shape, node)
            case ListOf():
                self._list(shape, node)
            case ByKind():
                self._by_kind(shape, node)
            case Grammar(kind="type" | "field"):
                self._type(shape, node)
            case _ if isinstance(node, Scalar):
                self._scalar(shape, node)
            case _:
                self._wrong(node, called(shape), "write it on one line, without brackets")

    def _wrong(self, node: Node, wanted: str, hint: str) -> None:
        self.problems.add(Code.WRONG_KIND, f"{kind_of(node)} stands where {wanted} belongs", node.span, hint)

    # -- mappings and lists

    def _record(self, shape: Record, node: Node) -> None:
        if shape.short is not None and not isinstance(node, Mapping):
            if isinstance(node, Scalar):
                self.check(shape.short, node)
            else:
                self._wrong(node, f"{called(shape.short)} or a mapping", _keys(shape))
            return
        if not isinstance(node, Mapping):
            self._wrong(node, called(shape), _keys(shape))
            return
        for key, value in node:
            self._entry(shape, key, value)
        for entry in shape.entries:
            if entry.required and not is_written(node, entry.key):
                self._missing(shape, node, entry.key, entry.example)

    def _entry(self, shape: Record, key: Scalar, value: Node) -> None:
        if key.ambiguous:
            return
        if key.text not in shape.keys:
            hint = choose(key.text, shape.keys, most=16)
            said = f"`{key.text}` is not a key of {a(shape.title)}"
            self.problems.add(Code.UNKNOWN_KEY, said, key.span, hint)
        elif not is_null(value):
            self.check(shape.entry(key.text).shape, value)

    def _missing(self, shape: Record, node: Mapping, key: str, example: str) -> None:
        said = f"{a(shape.title)} without `{key}` means nothing"
        self.problems.add(Code.MISSING_KEY, said, node.span, f"write `{key}: {example}`")

    def _map(self, shape: MapOf, node: Node) -> None:
        if not isinstance(node, Mapping):
            self._wrong(node, f"a mapping from {called(shape.key)}", "write `name: …`")
            return
        for key, value in node:
            self._scalar(shape.key, key)
            if not is_null(value):
                self.check(shape.of, value)
            elif not shape.empty and not isinstance(shape.of, Record):
                said = f"`{key.text}` has no value"
                self.problems.add(Code.MISSING_KEY, said, key.span, f"write {called(shape.of)} behind it")
            elif isinstance(shape.of, Record):
                self._empty_record(shape.of, key)

    def _empty_record(self, shape: Record, key: Scalar) -> None:
        for entry in shape.entries:
            if entry.required:
                said = f"{a(shape.title)} without `{entry.key}` means nothing"
                self.problems.add(Code.MISSING_KEY, said, key.span, f"write `{entry.key}: {entry.example}`")

    def _list(self, shape: ListOf, node: Node) -> None:
        if isinstance(node, Sequence):
            for item in node.items:
                if is_null(item):
                    self.problems.add(Code.WRONG_KIND, "an item of the list is empty", item.span, "remove it")
                else:
                    self.check(shape.of, item)
        elif shape.bare and (isinstance(node, Scalar) or isinstance(shape.of, (Record, ByKind))):
            self.check(shape.of, node)
        else:
            self._wrong(node, "a list", "write `[…]`")

    def _by_kind(self, shape: ByKind, node: Node) -> None:
        kinds: tuple[tuple[type, Shape | None, str], ...] = (
            (Scalar, shape.scalar, "a text"),
            (Sequence, shape.sequence, "a list"),
            (Mapping, shape.mapping, "a mapping"),
        )
        for kind, inner, _ in kinds:
            if isinstance(node, kind) and inner is not None:
                self.check(inner, node)
                return
        wanted = " or ".join(word for _, inner, word in kinds if inner is not None)
        self._wrong(node, wanted, f"write {wanted}")

    # -- texts

    def _type(self, shape: Grammar, node: Node) -> None:
        if shape.kind == "field" and isinstance(node, Mapping) and node.key("type") is not None:
            for key, value in node:
                if key.text == "type":
                    parse_type(value, self.problems)
                elif key.text == "renamed-from" and isinstance(value, Scalar):
                    check_name(value, Name("camel", "field"), self.problems)
                elif key.text != "renamed-from":
                    hint = choose(key.text, ("type", "renamed-from"))
                    self.problems.add(Code.UNKNOWN_KEY, f"`{key.text}` is not a key of a field", key.span, hint)
            return
        parse_type(node, self.problems)

    def _scalar(self, shape: Shape, node: Scalar) -> None:
        if node.ambiguous:
            return
        try:
            self._read(shape, node)
        except Unreadable as error:
            code = _TEXTS[shape.kind][0] if isinstance(shape, Grammar) else Code.BAD_QUANTITY
            unreadable(code, error, node, self.problems)

    def _read(self, shape: Shape, node: Scalar) -> None:
        match shape:
            case Name():
                check_name(node, shape, self.problems)
            case Word():
                self._word(shape, node)
            case Text():
                self._text(shape, node)
            case Whole():
                whole(node.text, shape.least, shape.most)
            case Quantity():
                _QUANTITIES[shape.kind](node.text)
            case Flag():
                flag(node.text)
            case Grammar():
                _TEXTS[shape.kind][1](node.text)

    def _word(self, shape: Word, node: Scalar) -> None:
        if node.text in shape.choices:
            return
        near = nearest(node.text, shape.choices)
        if shape.open and re.fullmatch(r"[a-z][a-z0-9]*([-.][a-z0-9]+)*", node.text) and not _typo(node.text, near):
            return
        hint = choose(node.text, shape.choices)
        self.problems.add(Code.UNKNOWN_WORD, f"`{node.text}` is not among the choices", node.span, hint)

    def _text(self, shape: Text, node: Scalar) -> None:
        if len(node.text) > _MOST_TEXT or _CONTROL.search(node.text):
            said = "control characters" if _CONTROL.search(node.text) else f"{len(node.text)} characters"
            hint = f"write at most {_MOST_TEXT} characters, without control characters"
            self.problems.add(Code.WRONG_KIND, f"a {shape.says} with {said}", node.span, hint)
        elif shape.pattern and not re.fullmatch(shape.pattern, node.text):
            self.problems.add(
                Code.BAD_NAME, f"`{node.text}` is not a {shape.says}", node.span, f"the form is `{shape.pattern}`"
            )


def is_written(node: Mapping, key: str) -> bool:
    """Whether a value stands behind the key."""
    return node.get(key) is not None


def _typo(text: str, near: str | None) -> bool:
    """Whether an open word is a misspelt choice rather than a name of the user's own."""
    return near is not None and difflib.SequenceMatcher(None, text, near).ratio() > _TYPO


def _keys(shape: Record) -> str:
    example = next((entry for entry in shape.entries if entry.required), shape.entries[0])
    return f"write `{{{example.key}: …}}`"
