"""Answers as copier records them, and the YAML it writes, byte for byte but ten times as fast.

Copier dumps answers with PyYAML's pure Python emitter, and a service's facts are some thousand lines: without this
module that would be nine tenths of the time to generate. Structure and plain words are written here; every scalar
that could need quotes or folding goes through PyYAML's own writer; what is stranger still goes through `yaml.dump`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from io import StringIO
from typing import Any

import yaml
from yaml.emitter import Emitter

_INDENT = 4
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_COMMIT = re.compile(rb"^_commit: v?(\S+)$", re.MULTILINE)
_SOURCE = re.compile(rb"^_src_path: (\S+)$", re.MULTILINE)
_KEY = re.compile("[^\n\x85\u2028\u2029]{1,100}\\Z")  # longer or broken keys are written in another form
# A safe loader, in C where there is one.
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _TooStrange(Exception):
    """A value this writer leaves to PyYAML."""


def recordable(value: Any) -> Any:
    """Plain JSON-able data with no shared parts: what survives being written and read again."""
    return json.loads(json.dumps(value))


def load(content: bytes) -> dict[str, Any] | None:
    """The recorded answers, or nothing when the file is not what copier writes (conflict markers, for example)."""
    try:
        answers = yaml.load(content, Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return None
    return answers if isinstance(answers, dict) else None


def recorded_version(content: bytes) -> str | None:
    """The release of the templates that rendered the project, read without parsing the facts."""
    match = _COMMIT.search(content)
    return match[1].decode(errors="replace").strip("'\"") if match else None


def recorded_source(content: bytes) -> str | None:
    """The bundle that rendered the project, as a path in the monorepo; services lie two deep."""
    match = _SOURCE.search(content)
    return match[1].decode(errors="replace").strip("'\"").removeprefix("../../") if match else None


def same_but_release(one: bytes, other: bytes) -> bool:
    """Whether two answers files differ in nothing but the release that they name."""
    return _COMMIT.sub(b"", one, count=1) == _COMMIT.sub(b"", other, count=1)


def nice_yaml(value: Any, indent: int = _INDENT, *arguments: Any, **options: Any) -> str:
    """What copier's filter `to_nice_yaml` gives."""
    if indent == _INDENT and not arguments and not options and isinstance(value, Mapping) and value:
        try:
            lines: list[str] = []
            _mapping(value, 0, lines.append, set())
            return "".join(lines) + "\n"
        except _TooStrange:
            pass
    return str(
        yaml.dump(value, indent=indent, allow_unicode=True, default_flow_style=False, *arguments, **options)  # noqa: B026
    )


def _mapping(value: Mapping[Any, Any], indent: int, write: Callable[[str], None], seen: set[int]) -> None:
    _once(value, seen)
    lead = ""
    for key in sorted(value) if all(isinstance(key, str) for key in value) else _refuse():
        if not _KEY.match(key):
            raise _TooStrange
        text = _scalar(key, 0, 0, True)
        write(f"{lead}{text}:")
        _value(value[key], indent, indent + len(text) + 1, write, seen)
        lead = "\n" + " " * indent


def _sequence(value: list[Any], indent: int, write: Callable[[str], None], seen: set[int], first: str) -> None:
    _once(value, seen)
    lead = first
    for item in value:
        write(lead + "-")
        if isinstance(item, Mapping) and item:
            write(" " * (_INDENT - 1))
            _mapping(item, indent + _INDENT, write, seen)
        elif isinstance(item, list) and item:
            _sequence(item, indent + _INDENT, write, seen, " " * (_INDENT - 1))
        else:
            _value(item, indent, indent + 1, write, seen)
        lead = "\n" + " " * indent


def _value(value: Any, indent: int, column: int, write: Callable[[str], None], seen: set[int]) -> None:
    if isinstance(value, str):
        write(" " + value if _is_word(value) else _scalar(value, indent, column, False))
    elif isinstance(value, Mapping):
        if not value:
            _once(value, seen)
            write(" {}")
        else:
            write("\n" + " " * (indent + _INDENT))
            _mapping(value, indent + _INDENT, write, seen)
    elif isinstance(value, list):
        if not value:
            _once(value, seen)
            write(" []")
        else:
            _sequence(value, indent, write, seen, "\n" + " " * indent)
    else:
        write(" " + _literal(value))


def _refuse() -> Any:
    raise _TooStrange


def _once(value: Any, seen: set[int]) -> None:
    """PyYAML writes a part that occurs twice as an anchor; this writer does not."""
    if id(value) in seen:
        raise _TooStrange
    seen.add(id(value))


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return _float(repr(value))
    raise _TooStrange


@lru_cache(maxsize=4096)
def _float(written: str) -> str:
    """By the written form: 0.0 and -0.0 are equal as numbers."""
    return str(yaml.dump(float(written))).split("\n", 1)[0]


@lru_cache(maxsize=65536)
def _is_word(text: str) -> bool:
    """Whether the text can be written as it stands, wherever it stands."""
    return _WORD.match(text) is not None and _resolves_to_text(text)


def _resolves_to_text(text: str) -> bool:
    resolved = _RESOLVER.resolve(  # type: ignore[no-untyped-call]
        yaml.ScalarNode, text, (True, False)
    )
    return bool(resolved == "tag:yaml.org,2002:str")


_RESOLVER = yaml.resolver.Resolver()


@lru_cache(maxsize=65536)
def _scalar(text: str, indent: int, column: int, key: bool) -> str:
    """A text written by PyYAML as if at this place: with a leading space for a value, without for a key."""
    if key and _is_word(text):
        return text
    stream = StringIO()
    emitter = Emitter(stream, indent=_INDENT, allow_unicode=True)
    emitter.column = column
    emitter.indent = indent + _INDENT
    emitter.whitespace = key
    emitter.indention = False
    emitter.root_context = False
    emitter.simple_key_context = key
    plain = _resolves_to_text(text)
    emitter.event = yaml.ScalarEvent(None, None, (plain, True), text)
    emitter.analysis = emitter.style = None
    emitter.process_scalar()
    return stream.getvalue()
