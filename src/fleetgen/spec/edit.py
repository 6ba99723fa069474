"""Edits a specification as text: only what changes is touched, comments and order stay, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from fleetgen.model.stacks import STACKS
from fleetgen.spec.load import CONTEXT_FOLDER, FLEET_FILE, reload
from fleetgen.spec.node import Document
from fleetgen.spec.places import Pair, Place, places

_INSTEAD = ("postgresql", "rest")


def files_of(document: Document) -> dict[str, str]:
    """The document's files as a fleet's folder holds them: `fleet.yaml` and `contexts/<name>.yaml`."""
    found = {}
    for name, text in document.texts.items():
        path = PurePosixPath(name)
        found[FLEET_FILE if name == document.path else f"{CONTEXT_FOLDER}/{path.stem}.yaml"] = text
    return found


def replace_stack(document: Document, stack: str) -> Document:
    """The document with every service in `stack`.

    What the stack does not give is replaced, and what was asked for is kept under `asked`, so that the choice can be
    seen, and taken back when the stack gives more.
    """
    texts = dict(document.texts)
    for name, text in document.texts.items():
        root = places(text)
        owners = _owners(root, is_main=name == document.path)
        edits = [edit for owner, inherits in owners for edit in _replaced(text, owner, stack, inherits=inherits)]
        texts[name] = splice(text, edits)
    return reload(document.path, texts)


@dataclass(frozen=True)
class Edit:
    """`text[start:end]` becomes `new`."""

    start: int
    end: int
    new: str


def splice(text: str, edits: list[Edit]) -> str:
    """All edits at once; their places do not overlap."""
    for edit in sorted(edits, key=lambda each: (each.start, each.end), reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def set_key(text: str, owner: Place, key: str, value: str, after: str = "") -> Edit:
    """Give `key` of a mapping a value (YAML in one line); a new key comes behind the key `after`, or first."""
    found = owner.entries.get(key)
    if found is not None:
        if found.value.start == found.value.end:  # nothing is written
            return Edit(found.value.start, found.value.start, f" {value}")
        return _aligned(text, found.value, value)
    return _added(text, owner, f"{key}: {value}", after)


def _aligned(text: str, old: Place, new: str) -> Edit:
    """A comment behind the value keeps its column where it can."""
    gap = re.match(r" +(?=#)", text[old.end :])
    if gap is None:
        return Edit(old.start, old.end, new)
    width = len(gap.group()) + (old.end - old.start) - len(new)
    return Edit(old.start, old.end + len(gap.group()), new + " " * max(width, 1))


def _added(text: str, owner: Place, line: str, after: str) -> Edit:
    if owner.flow:
        before = owner.entries.get(after)
        if before is not None:
            return Edit(before.value.end, before.value.end, f", {line}")
        return Edit(owner.start + 1, owner.start + 1, f"{line}, " if owner.entries else line)
    anchor = owner.entries.get(after)
    first = next(iter(owner.entries.values()))
    indent = " " * (first.key.start - _line_start(text, first.key.start))
    if anchor is None:
        return Edit(first.key.start, first.key.start, f"{line}\n{indent}")
    end = _line_end(text, max(anchor.value.end, anchor.key.end))
    return Edit(end, end, f"\n{indent}{line}")


def remove_key(text: str, owner: Place, key: str) -> Edit | None:
    """Take a key out, with its line where it has lines of its own."""
    found = owner.entries.get(key)
    if found is None:
        return None
    start, end = found.key.start, max(found.value.end, found.key.end + 1)
    if not owner.flow:
        begin = _line_start(text, start)
        if text[begin:start].strip():  # the first key of an item of a list: `- key: …`
            return Edit(start, end, "")
        after = text.find("\n", end)
        return Edit(begin, len(text) if after < 0 else after + 1, "")
    order = list(owner.entries)
    index = order.index(key)
    if index + 1 < len(order):
        return Edit(start, owner.entries[order[index + 1]].key.start, "")
    if index:
        return Edit(owner.entries[order[index - 1]].value.end, end, "")
    return Edit(start, end, "")


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    """Where the line ends, before its line break."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


# -- stacks


def _owners(root: Place, *, is_main: bool) -> Iterator[tuple[Place, bool]]:
    """The mappings that may say `stack`, and whether one that does not takes it from elsewhere: contexts, or the
    services a context lists.
    """
    contexts = root.child("contexts") or Place(0, 0)
    for context in [each.value for each in contexts.entries.values()] if is_main else [root]:
        services = context.child("services")
        yield context, False
        if services is not None:
            yield from ((each.value, True) for each in services.entries.values())


def _replaced(text: str, owner: Place, stack: str, *, inherits: bool) -> Iterator[Edit]:
    if not owner.is_mapping:
        if owner.start == owner.end and not inherits:  # a name alone: everything is a default
            yield Edit(owner.start, owner.end, f" {{stack: {stack}}}")
        return
    asked: dict[str, str] = {}
    written = owner.child("stack")
    if written is not None and written.text not in ("", stack):
        asked["stack"] = written.text
        yield set_key(text, owner, "stack", stack)
    if stack in STACKS:
        stores, apis, patterns = STACKS[stack].stores, STACKS[stack].apis, STACKS[stack].patterns
        yield from _stores(text, owner, stores, asked)
        yield from _words(text, owner, "api", apis, asked)
        yield from _words(text, owner, "patterns", patterns, asked)
    lines = _asked(text, owner, asked)
    if written is None and not inherits:
        lines.insert(0, f"stack: {stack}")
    yield from _inserted(text, owner, lines)


def _asked(text: str, owner: Place, asked: dict[str, str]) -> list[str]:
    """The line that keeps what was asked for; what an earlier replacement kept is older and stays."""
    before = owner.child("asked")
    kept = {key: text[each.value.start : each.value.end] for key, each in before.entries.items()} if before else {}
    merged = kept | {key: value for key, value in asked.items() if key not in kept}
    return [f"asked: {{{', '.join(f'{key}: {value}' for key, value in merged.items())}}}"] if asked else []


def _inserted(text: str, owner: Place, lines: list[str]) -> Iterator[Edit]:
    """New lines behind `stack`, or in front of everything; an `asked` that is there already is written anew."""
    fresh = []
    for line in lines:
        key, _, value = line.partition(": ")
        if key in owner.entries:
            yield set_key(text, owner, key, value)
        else:
            fresh.append(line)
    if fresh:
        column = owner.start if owner.flow else next(iter(owner.entries.values())).key.start
        joint = ", " if owner.flow else "\n" + " " * (column - _line_start(text, column))
        yield _added(text, owner, joint.join(fresh), "stack")


def _stores(text: str, owner: Place, gives: frozenset[str], asked: dict[str, str]) -> Iterator[Edit]:
    written = owner.child("stores")
    kinds = {role: (each.value.child("kind") or each.value).text for role, each in _entries(written)}
    lacking = {role: kind for role, kind in kinds.items() if kind not in gives}
    if written is None or not lacking:
        return
    kept = {role: text[each.value.start : each.value.end] for role, each in _entries(written) if role not in lacking}
    asked["stores"] = _flow(lacking)
    yield set_key(text, owner, "stores", _flow({"primary": _INSTEAD[0]} | kept))


def _entries(place: Place | None) -> list[tuple[str, Pair]]:
    return list(place.entries.items()) if place is not None else []


def _flow(mapping: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in mapping.items()) + "}"


def _words(text: str, owner: Place, key: str, gives: frozenset[str], asked: dict[str, str]) -> Iterator[Edit]:
    written = owner.child(key)
    if written is None:
        return
    words = [item.text for item in written.items] or ([written.text] if written.text else [])
    lacking = [word for word in words if word not in gives]
    if not lacking:
        return
    asked[key] = f"[{', '.join(lacking)}]"
    kept = [word for word in words if word in gives] or ([_INSTEAD[1]] if key == "api" else [])
    if kept:
        yield set_key(text, owner, key, f"[{', '.join(kept)}]")
    elif (removed := remove_key(text, owner, key)) is not None:
        yield removed
