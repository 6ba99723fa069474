"""Diagnostics for a person: place, what is wrong, the line with a caret, and what to write instead.

The result is a row of segments with roles, so that the command line can colour them; joined they are the plain text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fleetgen.core.diagnostic import Diagnostic, Severity, Span

Role = Literal[
    "plain", "place", "error", "warning", "information", "code", "message", "gutter", "source", "caret", "hint"
]

_WIDEST = 160  # of a source line; a longer one is shown around its caret
_PLURALS = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFORMATION: "notes"}
_SINGULARS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFORMATION: "note"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text and what it is. A line ends where a segment's text is a newline."""

    text: str
    role: Role = "plain"


def text(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str]) -> str:
    """All diagnostics, a blank line between them. `sources` holds the text of each file by its name in spans."""
    return "".join(segment.text for segment in segments(diagnostics, sources))


def segments(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str]) -> Iterator[Segment]:
    """The same in pieces."""
    lines = {file: content.split("\n") for file, content in sources.items()}
    for place, diagnostic in enumerate(diagnostics):
        if place:
            yield Segment("\n")
        yield from _head(diagnostic)
        if diagnostic.span:
            yield from _excerpt(diagnostic.span, lines)
        for said, span in diagnostic.related:
            yield from (Segment(printable(str(span)), "place"), Segment(f": {printable(said)}"), Segment("\n"))
        if diagnostic.hint:
            yield from (Segment("hint: ", "hint"), Segment(printable(diagnostic.hint)), Segment("\n"))


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`, or `nothing found`."""
    counts = {severity: sum(item.severity is severity for item in diagnostics) for severity in Severity}
    parts = [f"{n} {(_SINGULARS if n == 1 else _PLURALS)[severity]}" for severity, n in counts.items() if n]
    return ", ".join(parts) or "nothing found"


def _head(diagnostic: Diagnostic) -> Iterator[Segment]:
    if diagnostic.span:
        yield from (Segment(printable(str(diagnostic.span)), "place"), Segment(": "))
    yield Segment(diagnostic.severity.value, diagnostic.severity.value)
    yield from (Segment(" "), Segment(f"{diagnostic.code} {diagnostic.name}", "code"), Segment(": "))
    yield from (Segment(printable(diagnostic.message), "message"), Segment("\n"))


def _excerpt(span: Span, lines: Mapping[str, list[str]]) -> Iterator[Segment]:
    """The source line and the carets under it; nothing where the file or the line is not at hand."""
    content = lines.get(span.file, [])
    if not 1 <= span.line <= len(content):
        return
    line = content[span.line - 1].removesuffix("\r")
    begin = min(span.column - 1, len(line))
    end = max(begin + 1, min(begin + span.length, len(line)))
    start, cut = _window(line, begin)
    number = str(span.line)
    yield from (Segment(f"  {number} | ", "gutter"), Segment(printable(line[start:cut]), "source"), Segment("\n"))
    pad = "".join(_blank(character) for character in line[start:begin])
    width = sum(len(_blank(character)) for character in line[begin : min(end, cut)].replace("\t", " "))
    yield from (Segment(f"  {' ' * len(number)}   {pad}"), Segment("^" * max(width, 1), "caret"), Segment("\n"))


def _window(line: str, begin: int) -> tuple[int, int]:
    if len(line) <= _WIDEST:
        return 0, len(line)
    start = max(0, min(begin - _WIDEST // 4, len(line) - _WIDEST))
    return start, start + _WIDEST


def _blank(character: str) -> str:
    """As wide on a screen as the character: tabs stay tabs, so that the caret stands under its word."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "


def printable(content: str) -> str:
    """Control characters would move the cursor, or colour what follows; a specification may come from anywhere."""
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cf") and c != "\t" else c for c in content)
