"""Projections in memory, for a service's own tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, cast

from chassis.definition import Projection
from chassis.message import from_wire, to_wire
from chassis.paging import LIMIT_DEFAULT, Page, PageRequest
from chassis.projected import Freshness
from chassis.projection_rules import Position, Row, change_of, fold, together
from chassis.service import Service
from chassis.translation import own_terms
from chassis.work import UnitOfWork

T = TypeVar("T")
MOMENT = "2026-01-31T12:00:00Z"


class MemoryRows(Generic[T]):
    """The port to a copy, over rows that a test puts in. `key` is the attribute by which they are read."""

    def __init__(self, key: str, rows: Iterable[T] = ()) -> None:
        self._key = key
        self._rows = {getattr(row, key): row for row in rows}

    def put(self, row: T) -> None:
        """Let this be what is known of the row's key."""
        self._rows[getattr(row, self._key)] = row

    def get(self, work: UnitOfWork, key: Any, /) -> T | None:
        """What is known of the key."""
        return self._rows.get(key)

    def freshness(self, work: UnitOfWork, /) -> Freshness:
        """Memory knows of no delay."""
        return Freshness(None, None)


class MemoryProjection:
    """A projection of a service that follows the events it is told, as its table follows those of the bus."""

    def __init__(self, service: Service, name: str) -> None:
        self._service = service
        self.projection: Projection = next(p for p in service.definition.projections if p.name.text == name)
        self._row: type[Any] = service.messages[self.projection.row.text]
        self._sources = {source.event.text: source for source in self.projection.sources}
        self._rows: dict[tuple[str, str], Row] = {}
        self._told = 0

    def follow(self, name: str, event: Mapping[str, Any], at: str = MOMENT) -> None:
        """See an event (wire JSON); one that the projection does not follow changes nothing."""
        source = self._sources.get(name)
        if source is None:
            return
        self._told += 1
        said = own_terms(self._service, name, dict(event))
        change = change_of(self.projection, source, event, Position("memory", self._told, at), said)
        place = (change.subject, change.source)
        self._rows[place] = fold(self._rows.get(place), change)

    def get(self, key: Any) -> Any:
        """What is known of a key (wire JSON), as a row; `None` when nothing is."""
        found = [values for _, values in self._of(key)]
        return from_wire(self._row, together(found)) if found else None

    def page(self, key: Any, page: PageRequest) -> Page[Any]:
        """The rows of a key, in the order of their aggregates' ids."""
        behind = [(place, values) for place, values in self._of(key) if page.after is None or place > page.after]
        items = tuple(from_wire(self._row, values) for _, values in behind[: page.limit])
        return Page(items, behind[page.limit - 1][0] if len(behind) > page.limit else None)

    def _of(self, key: Any) -> list[tuple[str, Mapping[str, Any]]]:
        name = self.projection.key.name.text
        rows = sorted(self._rows.items())
        return [("~".join(place), row.values) for place, row in rows if row.values.get(name) == key]


class MemoryViews:
    """The read models of a service, which follow its own events at once."""

    def __init__(self, service: Service) -> None:
        models = service.definition.read_models
        self._service = service
        self._models = {model.name.text: MemoryProjection(service, model.name.text) for model in models}

    def follow(self, events: Iterable[object]) -> None:
        """See events of the service."""
        for event in events:
            name = self._service.names.get(type(event))
            for model in self._models.values() if name else ():
                model.follow(cast(str, name), to_wire(event))

    def page(self, model: Projection, key: Any, page: PageRequest, work: UnitOfWork) -> Page[Any]:
        """The rows of a key."""
        wire = key if isinstance(key, str | int | bool) else str(key)
        return self._models[model.name.text].page(wire, PageRequest(page.after, page.limit or LIMIT_DEFAULT))

    def freshness(self, model: Projection, work: UnitOfWork) -> Freshness:
        """Memory knows of no delay."""
        return Freshness(None, None)
