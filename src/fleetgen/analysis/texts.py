"""All texts an element holds, for rules that look at what is written wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from fleetgen.model.fleet import Element


def texts(element: Element) -> Iterator[tuple[str, str]]:
    """Key and text of all that an element holds itself; its children are elements of their own."""
    for part in fields(element):
        if part.name != "span":
            yield from _walk("", getattr(element, part.name))


def _walk(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for inner, part in value.items():
            yield from _walk(str(inner), part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from _walk(key, part)
    elif is_dataclass(value) and not isinstance(value, Element | type):
        for field in fields(value):
            yield from _walk("", getattr(value, field.name))
