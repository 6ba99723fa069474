"""Writes plain data as YAML that this package reads back: block style, quotes only where they are needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleetgen.spec.traps import trap

_PLAIN = re.compile(r"[A-Za-z0-9_./@+-][A-Za-z0-9 _./@+%()<>=*'&;-]*")
_LIKE_OTHERS = re.compile(r"-?[0-9]+(\.[0-9]+)?|true|false|null|True|False|TRUE|FALSE|Null|NULL|-.*|\..*|=.*")
_WIDTH = 118


@dataclass(frozen=True)
class Said:
    """A value with a comment behind it."""

    value: Any
    comment: str


def emit(data: Mapping[str, Any]) -> str:
    """The whole document."""
    return "".join(f"{line}\n" for line in _mapping(data, 0))


def scalar(value: Any) -> str:
    """One value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and not _LIKE_OTHERS.fullmatch(text) and trap(text) is None
    if plain and not text.endswith(" ") and ": " not in text and " #" not in text:
        return text
    return json.dumps(text, ensure_ascii=False)


def _flow(value: Any) -> str:
    if isinstance(value, Said):
        return _flow(value.value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    return scalar(value)


def _mapping(data: Mapping[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, written in data.items():
        comment = f"  # {written.comment}" if isinstance(written, Said) and written.comment else ""
        value = written.value if isinstance(written, Said) else written
        short = f"{pad}{scalar(key)}: {_flow(value)}"
        if _is_scalar(value) or (_is_short(value) and len(short) <= _WIDTH):
            yield short + comment
        elif isinstance(value, Mapping):
            yield f"{pad}{scalar(key)}:{comment}"
            yield from _mapping(value, depth + 1)
        else:
            yield f"{pad}{scalar(key)}:{comment}"
            yield from _list(value, depth + 1)


def _list(items: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    for item in items:
        line = f"{pad}- {_flow(item)}"
        if isinstance(item, Mapping) and item and len(line) > _WIDTH:
            first, *rest = _mapping(item, depth + 1)
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        else:
            yield line


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple, Said))


def _is_short(value: Any) -> bool:
    """Collections of scalars only."""
    return all(_is_scalar(inner) for inner in (value.values() if isinstance(value, Mapping) else value))
