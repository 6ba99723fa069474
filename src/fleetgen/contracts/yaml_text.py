"""Writes plain data as YAML, in the given order: PyYAML's emitter in C, fed with events.

`yaml.dump` would first build a tree of nodes in Python, for anchors and tags that plain data never has: three quarters
of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

# The emitter in C where PyYAML has it.
_DUMPER: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TEXT = "tag:yaml.org,2002:str"


def plain_yaml(document: dict[str, Any]) -> str:
    """What `yaml.dump` gives without anchors, keys in their order, lines of up to 120 characters."""
    return str(yaml.emit(_events(document), Dumper=_DUMPER, allow_unicode=True, width=120))


def _events(document: dict[str, Any]) -> Iterator[yaml.Event]:
    yield yaml.StreamStartEvent()
    yield yaml.DocumentStartEvent(explicit=False)
    yield from _value(document)
    yield yaml.DocumentEndEvent(explicit=False)
    yield yaml.StreamEndEvent()


def _value(value: Any) -> list[yaml.Event]:
    """A list, since generators nested as deep as a document cost more than all else."""
    events: list[yaml.Event] = []
    _append(value, events)
    return events


def _append(value: Any, events: list[yaml.Event]) -> None:
    if isinstance(value, dict):
        events.append(_MAPPING)
        for key, item in value.items():
            events.append(_scalar(key))
            _append(item, events)
        events.append(_MAPPING_END)
    elif isinstance(value, list | tuple):
        events.append(_SEQUENCE)
        for item in value:
            _append(item, events)
        events.append(_SEQUENCE_END)
    else:
        events.append(_scalar(value) if isinstance(value, str) else _literal(value))


# Events say nothing of their place and may occur many times.
_MAPPING = yaml.MappingStartEvent(None, None, True, flow_style=False)
_SEQUENCE = yaml.SequenceStartEvent(None, None, True, flow_style=False)
_MAPPING_END, _SEQUENCE_END = yaml.MappingEndEvent(), yaml.SequenceEndEvent()
_SPELLED = {None: "null", True: "true", False: "false"}
_RESOLVER = yaml.resolver.Resolver()


@lru_cache(maxsize=65536)
def _scalar(text: str) -> yaml.Event:
    """A text: plain where it would be read as text again, else quoted."""
    plain = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False)) == _TEXT  # type: ignore[no-untyped-call]
    return yaml.ScalarEvent(None, None, (plain, True), text)


def _literal(value: bool | int | float | None) -> yaml.Event:
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    return _number(repr(value))


@lru_cache(maxsize=4096)
def _number(written: str) -> yaml.Event:
    """By the written form: 0.0 and -0.0 are equal as numbers."""
    number = float(written) if {".", "e", "n"} & set(written) else int(written)
    return yaml.ScalarEvent(None, None, (True, False), yaml.safe_dump(number).split("\n", 1)[0])


_WORDS = {word: yaml.ScalarEvent(None, None, (True, False), text) for word, text in _SPELLED.items()}
