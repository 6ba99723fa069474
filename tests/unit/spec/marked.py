"""Specifications in which the expected place of a diagnostic is marked: `«here»`."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.model.fleet import Fleet
from fleetgen.spec.load import load_text
from fleetgen.spec.resolve import resolve


@dataclass(frozen=True)
class Marked:
    text: str
    line: int
    column: int
    length: int


def unmark(text: str) -> Marked:
    before, opened, rest = text.partition("«")
    if not opened:
        return Marked(text, 0, 0, 0)
    inside, _, after = rest.partition("»")
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return Marked(before + inside + after, line, column, len(inside))


def read(text: str) -> tuple[Fleet | None, tuple[Diagnostic, ...]]:
    """Load and resolve; all diagnostics of one run."""
    document, found = load_text(text)
    if document is None:
        return None, found
    fleet, more = resolve(document)
    return fleet, (*found, *more)


def resolved(text: str) -> Fleet:
    fleet, found = read(text)
    assert not found, [f"{each.span} {each.code} {each.message}" for each in found]
    assert fleet is not None
    return fleet


def said(found: tuple[Diagnostic, ...]) -> list[str]:
    return [f"{each.span} {each.code} {each.message} | {each.hint}" for each in found]
