"""Sources of an input as text: a literal, `rejection`, a field, or `Aggregate.field`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleetgen.spec.grammar.units import Unreadable

_PATH = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
BINDING_PATTERN = (
    r"^(rejection|-?[0-9]+|true|false|'[^']*'|" + '"[^"]*"' + r"|[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*)$"
)
PATH_PATTERN = r"^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$"


@dataclass(frozen=True)
class LiteralText:
    """A value that is written down."""

    value: int | str | bool


@dataclass(frozen=True)
class PathText:
    """A field; the first part may name an aggregate."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class RejectionText:
    """The event that refused."""


BindingText = LiteralText | PathText | RejectionText


def parse_binding(text: str) -> BindingText:
    """Reads one source."""
    if text == "rejection":
        return RejectionText()
    if text in ("true", "false"):
        return LiteralText(text == "true")
    if _NUMBER.fullmatch(text):
        return LiteralText(int(text))
    if _QUOTED.fullmatch(text):
        return LiteralText(text[1:-1])
    if _PATH.fullmatch(text):
        return PathText(tuple(text.split(".")))
    raise Unreadable(
        f"`{text}` is not a source", "write a field, `Aggregate.field`, `rejection`, a number, or a text as `\"'EUR'\"`"
    )


def parse_path(text: str) -> tuple[str, ...]:
    """A field, perhaps inside another: `lines`, `order.lines`."""
    if not _PATH.fullmatch(text):
        raise Unreadable(f"`{text}` is not a field", "write the name of a list, as `lines`")
    return tuple(text.split("."))
