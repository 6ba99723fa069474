"""The manual of every key of a specification, and of what loading reports; made from the tables."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from fleetgen.spec.codes import Code
from fleetgen.spec.naming import a, called
from fleetgen.spec.shape import ByKind, Entry, ListOf, MapOf, Name, Record, Shape, Word
from fleetgen.spec.table.fleet import FLEET


@dataclass(frozen=True)
class Page:
    """One key. `path` has `*` for names, as `contexts.*.aggregates.*.commands.*.or`."""

    path: str
    owner: str
    entry: Entry

    @property
    def text(self) -> str:
        """What a person reads."""
        entry = self.entry
        lines = [
            f"{self.path}",
            "",
            f"{entry.about}.",
            "",
            f"  of       {self.owner}",
            f"  type     {_type(entry.shape)}",
            f"  default  {entry.default or ('none: it must be written' if entry.required else 'nothing')}",
        ]
        if entry.example:
            lines.append(f"  example  {entry.key}: {entry.example}")
        return "\n".join(lines) + "\n"


@cache
def pages() -> tuple[Page, ...]:
    """All keys, in the order of the tables."""
    return tuple(_record(FLEET, ""))


def explain(subject: str) -> str | None:
    """The page of a key (`or`, `commands.*.or`, or a path with real names) or of a code (`SPEC-9`), or None."""
    code = next((each for each in Code if each.code.lower() == subject.strip().lower() or each.kebab == subject), None)
    if code is not None:
        return f"{code.code} {code.kebab}\n\n{code.about[0].upper()}{code.about[1:]}.\n"
    wanted = tuple(subject.strip(". ").split("."))
    found = [page for page in pages() if _matches(page.path.split("."), wanted)]
    exact = [page for page in found if len(page.path.split(".")) == len(wanted)]
    return "\n".join(page.text for page in _distinct(exact or found)) or None


def _distinct(found: list[Page]) -> Iterator[Page]:
    """A key that several records share is explained once, at its first place."""
    seen: list[Entry] = []
    for page in found:
        if page.entry not in seen:
            seen.append(page.entry)
            yield page


def _matches(path: list[str], wanted: tuple[str, ...]) -> bool:
    tail = path[-len(wanted) :]
    return len(tail) == len(wanted) and all(there in ("*", here) for there, here in zip(tail, wanted, strict=True))


def nearest(subject: str) -> list[str]:
    """Keys that a person may have meant."""
    keys = sorted({page.entry.key for page in pages()})
    return difflib.get_close_matches(subject.rsplit(".", maxsplit=1)[-1].lower(), keys, n=3, cutoff=0.5)


def _record(shape: Record, path: str) -> Iterator[Page]:
    for entry in shape.entries:
        here = f"{path}.{entry.key}" if path else entry.key
        yield Page(here, a(shape.title), entry)
        yield from _inside(entry.shape, here)


def _inside(shape: Shape, path: str) -> Iterator[Page]:
    match shape:
        case Record():
            yield from _record(shape, path)
        case MapOf():
            yield from _inside(shape.of, f"{path}.*")
        case ListOf():
            yield from _inside(shape.of, path)
        case ByKind():
            for inner in (shape.sequence, shape.mapping):
                if inner is not None:
                    yield from _inside(inner, path)


def _type(shape: Shape) -> str:
    match shape:
        case Word():
            listed = ", ".join(f"`{choice}`" for choice in shape.choices)
            return f"one of {listed}" + (", or a word of your own" if shape.open else "")
        case ListOf():
            return f"a list ({_type(shape.of)})" + (", or one without brackets" if shape.bare else "")
        case MapOf():
            key = f"names of the kind {shape.key.of}" if isinstance(shape.key, Name) else f"a {shape.key.says}"
            return f"a mapping from {key} to {_type(shape.of)}"
        case Record() if shape.short is not None:
            return f"{_type(shape.short)}, or a mapping"
    return called(shape)
