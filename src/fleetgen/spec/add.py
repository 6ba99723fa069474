"""Adds an element to a specification: a service, an aggregate, a command … Each gives the texts with one entry more."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from fleetgen.spec.codes import nearest
from fleetgen.spec.edit import set_key, splice
from fleetgen.spec.emit import flow
from fleetgen.spec.insert import Home, Unplaceable, find, insert
from fleetgen.spec.load import CONTEXT_FOLDER
from fleetgen.spec.node import Document
from fleetgen.spec.node import Mapping as Node
from fleetgen.spec.places import Place

Texts = dict[str, str]
_FIELD = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)\s*:\s*(\S.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Additions:
    """A specification that elements are added to; every method gives all its texts, changed.

    Each raises `Unplaceable` where the place for the new element is not there.
    """

    document: Document
    texts: Texts = field(init=False)

    def __post_init__(self) -> None:
        """A copy of the texts, file by file."""
        object.__setattr__(self, "texts", dict(self.document.texts))

    def service(self, name: str, context: str, body: Mapping[str, Any], *, own_file: bool = False) -> Texts:
        """A context with one service of the same name; or a further service of a context that lists its services."""
        if context:
            homes = [home for home in self._contexts(context) if self._place(home.inside("services"))]
            if not homes:
                raise Unplaceable(f"the context `{context}` does not list `services`; write them under it first")
            return self._put(homes[0].inside("services"), name, body)
        if own_file:
            path = (PurePosixPath(self.document.path).parent / CONTEXT_FOLDER / f"{name}.yaml").as_posix()
            if path in self.texts or self._contexts(name):
                raise Unplaceable(f"there is a context `{name}` already")
            return {**self.texts, path: "".join(f"{key}: {flow(value)}\n" for key, value in body.items())}
        return self._put(Home(self.document.path, ("contexts",)), name, body)

    def aggregate(self, name: str, service: str, body: Mapping[str, Any]) -> Texts:
        """An aggregate of a service."""
        return self._put(self._home(self._services(service), "aggregates", "service", service), name, body)

    def field(self, name: str, aggregate: str, of: Any) -> Texts:
        """A field of an aggregate."""
        return self._put(self._home(self._aggregates(aggregate), "fields", "aggregate", aggregate), name, of)

    def command(self, name: str, aggregate: str, body: Any) -> Texts:
        """A command of an aggregate."""
        return self._put(self._home(self._aggregates(aggregate), "commands", "aggregate", aggregate), name, body)

    def query(self, name: str, aggregate: str, body: Mapping[str, Any]) -> Texts:
        """A query of an aggregate; a list of names stays one where the new query is a name alone."""
        home = self._home(self._aggregates(aggregate), "queries", "aggregate", aggregate)
        place = self._place(home)
        if place is None or place.is_mapping or place.start == place.end:
            return self._put(home, name, body or None) if place or body else self._list(home, name)
        if body:
            raise Unplaceable("`queries` is a list of names; write it as a mapping first")
        return self._list(home, name)

    def rejection(self, name: str, command: str, when: str) -> Texts:
        """The event that tells that a command was refused."""
        homes = [home.inside("commands", command) for home in self._all_aggregates()]
        homes = [home for home in homes if self._place(home)]
        if not homes:
            raise Unplaceable(self._unknown("command", command, self._names("commands")))
        place = self._place(homes[0])
        value: Any = {name: when} if when else name
        if place is not None and place.is_mapping:
            return self._put(homes[0], "or", value)
        short = place.text if place else ""
        owner = self._place(Home(homes[0].file, homes[0].path[:-1]))
        assert owner is not None
        return self._spliced(homes[0], owner, command, flow({"emits": short, "or": value}))

    def policy(self, event: str, service: str, body: Any) -> Texts:
        """A policy; a second one for the same event makes a list of the two."""
        home = self._home(self._services(service), "policies", "service", service)
        place = self._place(home)
        there = place.child(event) if place else None
        if place is None or there is None:
            return self._put(home, event, body)
        text = self.texts[home.file]
        written = text[there.start : there.end]
        if "\n" in written:
            raise Unplaceable(f"the policies of `{event}` are written over several lines; add to the list by hand")
        before = written[1:-1] if there.items and there.flow else written
        return self._spliced(home, place, event, f"[{before}, {flow(body)}]")

    def saga(self, name: str, body: Mapping[str, Any]) -> Texts:
        """A saga of the fleet."""
        return self._put(Home(self.document.path, ("sagas",)), name, body)

    # -- where things are

    def _place(self, home: Home) -> Place | None:
        return find(self.texts[home.file], home.path)

    def _put(self, home: Home, key: str, value: Any) -> Texts:
        return {**self.texts, home.file: insert(self.texts[home.file], home.path, key, value)}

    def _spliced(self, home: Home, owner: Place, key: str, value: str) -> Texts:
        text = self.texts[home.file]
        return {**self.texts, home.file: splice(text, [set_key(text, owner, key, value)])}

    def _list(self, home: Home, name: str) -> Texts:
        place = self._place(home)
        text = self.texts[home.file]
        if place is None:
            return self._put(Home(home.file, home.path[:-1]), home.path[-1], [name])
        owner = self._place(Home(home.file, home.path[:-1]))
        written = text[place.start : place.end]
        if owner is None or "\n" in written:
            raise Unplaceable("`queries` is written over several lines; add to the list by hand")
        before = written[1:-1].rstrip(", ") if place.flow else written
        return self._spliced(home, owner, home.path[-1], f"[{before}, {flow(name)}]" if before else f"[{flow(name)}]")

    def _home(self, homes: Iterable[Home], section: str, kind: str, name: str) -> Home:
        """The home that has the section already, else the last: a context's own file."""
        found = list(homes)
        if not found:
            known = self._service_names() if kind == "service" else self._names("aggregates")
            raise Unplaceable(self._unknown(kind, name, known))
        having = [home for home in found if self._place(home.inside(section)) is not None]
        return (having or found)[-1].inside(section)

    def _unknown(self, kind: str, name: str, known: Iterable[str]) -> str:
        near = nearest(name, known)
        return f"there is no {kind} `{name}`" + (f"; there is `{near}`" if near else "")

    def _contexts(self, name: str) -> list[Home]:
        """The mapping in the main file, and the context's own file."""
        main = Home(self.document.path, ("contexts", name))
        found = [main] if self._place(main) is not None else []
        return found + [Home(file, ()) for file in self.texts if file != self.document.path and _stem(file) == name]

    def _context_names(self) -> Iterator[str]:
        contexts = self.document.root.get("contexts")
        yield from contexts.keys() if isinstance(contexts, Node) else ()

    def _all_services(self) -> Iterator[tuple[str, Home]]:
        for context in self._context_names():
            homes = self._contexts(context)
            listed = [
                (name, home.inside("services", name))
                for home in homes
                if (place := self._place(home.inside("services"))) is not None
                for name in place.entries
            ]
            yield from listed or ((context, home) for home in homes)

    def _services(self, name: str) -> list[Home]:
        return [home for each, home in self._all_services() if each == name]

    def _service_names(self) -> list[str]:
        return [name for name, _ in self._all_services()]

    def _all_aggregates(self) -> Iterator[Home]:
        for _, home in self._all_services():
            place = self._place(home.inside("aggregates"))
            yield from (home.inside("aggregates", name) for name in (place.entries if place else ()))

    def _aggregates(self, name: str) -> list[Home]:
        return [home for home in self._all_aggregates() if home.path[-1] == name]

    def _names(self, kind: str) -> list[str]:
        if kind == "aggregates":
            return [home.path[-1] for home in self._all_aggregates()]
        places = (self._place(home.inside(kind)) for home in self._all_aggregates())
        return [name for place in places if place for name in place.entries]


def fields(written: Iterable[str]) -> dict[str, Any]:
    """Fields as a person gives them: `total:money`, `note:string?` (optional), `lines:OrderLine[]` (a list).

    Raises:
        Unplaceable: When one of them is not of that form.
    """
    found: dict[str, Any] = {}
    for text in written:
        match = _FIELD.fullmatch(text)
        if match is None:
            raise Unplaceable(f"`{text}` is not a field; write `name:type`, such as `total:money`")
        found[match[1]] = type_of(match[2])
    return found


def type_of(text: str) -> Any:
    """A type in its short form as the specification has it."""
    if text.endswith("?"):
        return {"optional": type_of(text[:-1])}
    return {"list": type_of(text[:-2])} if text.endswith("[]") else text


def _stem(file: str) -> str:
    return PurePosixPath(file).stem
