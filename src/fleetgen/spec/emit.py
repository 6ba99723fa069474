"""Writes plain data as YAML that this package reads back: block style, quotes only where they are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleetgen.spec.traps import trap

_PLAIN = re.compile(r"[A-Za-z0-9_./@+-][A-Za-z0-9 _./@+%()<>=*'&;-]*")
_PLAIN_ALONE = re.compile(_PLAIN.pattern.replace("%()", "%(),"))  # outside brackets a comma separates nothing
_LIKE_OTHERS = re.compile(r"-?[0-9]+(\.[0-9]+)?|true|false|null|True|False|TRUE|FALSE|Null|NULL|-.*|\..*|=.*")
_WIDTH = 118


@dataclass(frozen=True)
class Said:
    """A value with a comment behind it."""

    value: Any
    comment: str


class Bare(str):
    """A number, truth value or null as somebody wrote it, to be written without quotes."""

    __slots__ = ()


class Inline(dict[str, Any]):
    """A mapping that stands on one line where it fits, whatever is in it."""


def emit(data: Mapping[str, Any], column: int = 0) -> str:
    """The whole document. Comments begin at `column` (from 0), or stand above what leaves them no place.

    Without a column they follow at once.
    """
    return "".join(f"{_aligned(line, comment, column)}\n" for line, comment in _mapping(data, 0))


def _aligned(line: str, comment: str, column: int) -> str:
    if not comment:
        return line
    behind = f"{line:<{max(column, len(line) + 2)}}# {comment}"
    if not column or len(behind) <= _WIDTH:
        return behind
    return f"{' ' * (len(line) - len(line.lstrip()))}# {comment}\n{line}"


def scalar(value: Any, plain: re.Pattern[str] = _PLAIN) -> str:
    """One value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, Bare)):
        return str(value)
    text = str(value)
    bare = plain.fullmatch(text) and not _LIKE_OTHERS.fullmatch(text) and trap(text) is None
    if bare and not text.endswith(" ") and ": " not in text and " #" not in text:
        return text
    return json.dumps(text, ensure_ascii=False)


def flow(value: Any) -> str:
    """One value on one line, collections in brackets."""
    if isinstance(value, Said):
        return flow(value.value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    return scalar(value)


_Line = tuple[str, str]  # what is written, and the comment behind it


def _mapping(data: Mapping[str, Any], depth: int) -> Iterator[_Line]:
    pad = "  " * depth
    for key, written in data.items():
        comment = written.comment if isinstance(written, Said) else ""
        value = written.value if isinstance(written, Said) else written
        short = f"{pad}{scalar(key)}: {scalar(value, _PLAIN_ALONE) if _is_scalar(value) else flow(value)}"
        if _is_scalar(value) or (_is_short(value) and len(short) <= _WIDTH):
            yield short, comment
        else:
            yield f"{pad}{scalar(key)}:", comment
            yield from _mapping(value, depth + 1) if isinstance(value, Mapping) else _list(value, depth + 1)


def _list(items: Any, depth: int) -> Iterator[_Line]:
    pad = "  " * depth
    for item in items:
        line = f"{pad}- {flow(item)}"
        if isinstance(item, Mapping) and item and len(line) > _WIDTH:
            (first, comment), *rest = _mapping(item, depth + 1)
            yield f"{pad}- {first.lstrip()}", comment
            yield from rest
        else:
            yield line, item.comment if isinstance(item, Said) else ""


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple, Said))


def _is_short(value: Any) -> bool:
    """Collections of scalars, and what is to stay on one line."""
    return isinstance(value, Inline) or all(
        _is_scalar(inner) for inner in (value.values() if isinstance(value, Mapping) else value)
    )
