"""Reads one file into nodes with places. Refuses what YAML readers understand in different ways; knows no grammar."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from fleetgen.core.diagnostic import Span
from fleetgen.spec.codes import Code, Problems
from fleetgen.spec.node import Mapping, Node, Scalar, Sequence
from fleetgen.spec.traps import trap

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_HALVES = re.compile("[\ud800-\udfff]")  # of a pair in UTF-16: no text holds one alone


class _Stop(Exception):
    """Reading cannot go on; the reason is reported already."""


def read_text(path: Path, name: str, problems: Problems) -> str | None:
    """The text of a file, or None after saying why not. `name` is how spans call it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
            size = max(path.stat().st_size, len(data))
    except OSError as error:
        reason = "is a folder" if path.is_dir() else (error.strerror or "cannot be read").lower()
        problems.add(Code.UNREADABLE_FILE, f"`{name}`: {reason}", Span(name), "name a `fleet.yaml` or its folder")
        return None
    if len(data) > MAX_BYTES:
        problems.add(
            Code.FILE_TOO_LARGE,
            f"the file has {size:,} bytes, the limit is {MAX_BYTES:,}",
            Span(name),
            "move contexts into files of their own, `contexts/<name>.yaml`",
        )
        return None
    return _decoded(data, name, problems)


def _decoded(data: bytes, name: str, problems: Problems) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        problems.add(
            Code.NOT_UTF8,
            "the file is UTF-16" if wide else f"byte 0x{data[error.start]:02x} is not UTF-8",
            Span(name, 1 if wide else line, 1 if wide else column),
            "save the file as UTF-8",
        )
        return None


def parse(text: str, name: str, problems: Problems) -> Mapping | None:
    """The mapping that a text holds, or None after saying why not."""
    if _tabs(text, name, problems):
        return None
    try:
        root = _Builder(name, problems).document(text)
    except _Stop:
        return None
    except (YAMLError, YAMLStreamError, ValueError) as error:
        _broken(error, text, name, problems)
        return None
    if isinstance(root, Mapping):
        return root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        problems.add(Code.EMPTY_FILE, "the file says nothing", Span(name), "begin with `fleet: <name>`")
    else:
        problems.add(Code.WRONG_KIND, "a specification is a mapping", root.span, "begin with `fleet: <name>`")
    return None


def _tabs(text: str, name: str, problems: Problems) -> bool:
    found = False
    for number, line in enumerate(text.splitlines(), start=1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and line.strip():
            found = True
            problems.add(
                Code.TAB,
                "a tab indents this line",
                Span(name, number, indent.index("\t") + 1, indent.count("\t")),
                "indent with spaces",
            )
    return found


def _place(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


_YAML_HINTS = (
    ("mapping values are not allowed", "put quotes round a text that contains `: `"),
    ("could not find expected ':'", "write `key: value`"),
    ("while scanning for the next token", "put quotes round a text that begins with this character"),
    ("expected ',' or '}'", "close the mapping with `}` or separate its entries with `,`"),
    ("expected ',' or ']'", "close the list with `]` or separate its items with `,`"),
    ("did not find expected key", "check the indentation of this line and the one above"),
    ("expected <block end>", "check the indentation of this line and the one above"),
    ("unexpected end of stream", "close the quotes"),
)


def _broken(error: Exception, text: str, name: str, problems: Problems) -> None:
    if isinstance(error, MarkedYAMLError) and (error.problem_mark or error.context_mark):
        _misread(error, name, problems)
        return
    line, column = _place(text, getattr(error, "position", 0) or 0)
    hint = "remove the control character" if isinstance(error, ReaderError) else ""
    said = "a character that YAML does not allow" if hint else f"not valid YAML: {str(error).splitlines()[0].lower()}"
    problems.add(Code.BROKEN_YAML, said, Span(name, line, column), hint)


def _misread(error: MarkedYAMLError, name: str, problems: Problems) -> None:
    mark: Any = error.problem_mark or error.context_mark
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    hint = next((hint for text, hint in _YAML_HINTS if text in said), "")
    words = re.sub(r"\s+", " ", str(error.problem or "cannot be read")).replace("'", "`").rstrip(".").lower()
    related = []
    if error.context_mark is not None and error.context_mark is not mark:
        begin: Any = error.context_mark
        related.append((str(error.context or "begins here"), Span(name, begin.line + 1, begin.column + 1)))
    problems.add(
        Code.BROKEN_YAML, f"not valid YAML: {words}", Span(name, mark.line + 1, mark.column + 1), hint, related
    )


class _Builder:
    """Turns the events of the YAML parser into nodes."""

    def __init__(self, name: str, problems: Problems) -> None:
        self.name = name
        self.problems = problems
        self.events: Iterator[Any] = iter(())

    def document(self, text: str) -> Node | None:
        reader = YAML(typ="safe", pure=True)
        self.events = iter(reader.parse(text))
        root: Node | None = None
        documents = 0
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    hint = "keep one document; contexts may have files of their own, `contexts/<name>.yaml`"
                    self._report(Code.SEVERAL_DOCUMENTS, "a second document begins here", event, hint)
                    return root
            elif isinstance(event, (ScalarEvent, SequenceStartEvent, MappingStartEvent, AliasEvent)):
                root = self._node(event, 0)
        return root

    def _span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 1
        return Span(self.name, start.line + 1, start.column + 1, max(length, 1))

    def _report(self, code: Code, message: str, event: Any, hint: str = "") -> None:
        self.problems.add(code, message, self._span(event), hint)

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._report(Code.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels", event)
            raise _Stop
        self._refuse_extras(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, SequenceStartEvent):
            items = []
            while not isinstance(item := next(self.events), SequenceEndEvent):
                items.append(self._node(item, depth + 1))
            return Sequence(tuple(items), self._span(event))
        return self._scalar(event)

    def _refuse_extras(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            self._report(Code.ANCHOR, f"`*{event.anchor}` repeats another place", event, "write the value here")
        elif getattr(event, "anchor", None):
            self._report(Code.ANCHOR, f"`&{event.anchor}` names this value", event, f"remove `&{event.anchor}`")
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) not in ("!", "None"):
            self._report(Code.TAG, f"`{tag}` is a tag", event, "remove the tag")

    def _scalar(self, event: Any) -> Scalar:
        if isinstance(event, AliasEvent):
            return Scalar("", self._span(event), ambiguous=True)
        plain = not event.style
        single = event.start_mark.line == event.end_mark.line and event.style not in ("|", ">")
        if _HALVES.search(event.value):
            hint = "write the character itself, or `\\U` and eight digits"
            self._report(Code.BROKEN_YAML, "an escape for half a character", event, hint)
            return Scalar(_HALVES.sub("�", event.value), self._span(event), ambiguous=True)
        found = trap(event.value) if plain else None
        scalar = Scalar(event.value, self._span(event), plain, 0 if plain else 1, single, found is not None)
        if found is not None:
            self.problems.add(Code.AMBIGUOUS_SCALAR, found[0], scalar.span, found[1])
        return scalar

    def _mapping(self, start: Any, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        first: dict[str, Span] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self.events), depth + 1)
            if not isinstance(key, Scalar):
                self.problems.add(Code.WRONG_KIND, "a key is a word, not a list or mapping", key.span)
                continue
            if key.plain and key.text == "<<":
                self.problems.add(Code.ANCHOR, "`<<` merges another mapping", key.span, "write the keys here")
                continue
            if key.text in first:
                self.problems.add(
                    Code.DUPLICATE_KEY,
                    f"`{key.text}` stands twice",
                    key.span,
                    "keep one of them",
                    [("first written here", first[key.text])],
                )
                continue
            first[key.text] = key.span
            entries.append((key, value))
        return Mapping(tuple(entries), self._span(start))
