"""A service: its facts, its messages and the code that handles them; and `run`, which makes a process of it.

Generated wiring builds the `Service`; a service's `main.py` is one line: `run(wire(compose()))`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from chassis.definition import Command, Definition, Event, Query

if TYPE_CHECKING:
    from chassis.work import UnitOfWork

Handler = Callable[..., Any]
"""Of a command, `(command, work) -> event`: decides, stores, returns the event, or a tuple of events. Of a query by
key, `(query, work) -> view`; of a search, `(query, page: PageRequest, work) -> Page[view]`."""
Finder = Callable[["UnitOfWork", str, Any], Iterable[Any]]
"""`(work, field, value) -> keys`: the keys of the aggregates whose field (wire name) equals the value, in key order."""
Translator = Callable[[Any], Any]
"""`event -> own term`: what another context published, in this context's own terms."""
Observer = Callable[..., None]
"""`(event, work) -> None`: a reaction of the service's own to an event it subscribes to, once per event."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """All that the chassis needs to serve one service.

    Attributes:
        definition: the facts.
        messages: class by name, of every value, command, query, view and event the service knows, own and foreign.
        handlers: handler by name of command or query.
        finders: by name of aggregate, for policies that find their targets by a field.
        observers: by name of event, for every event in `definition.observes`.
        translators: by name of event, for those that policies or copies use and that the context map keeps apart:
            from the upstream's event to the service's own term for it.
        tables: `gen/tables.sql`, the tables of the aggregates.
        migrations: folder with the service's own numbered `.sql` files, if it has any.
    """

    definition: Definition
    messages: Mapping[str, type[Any]]
    handlers: Mapping[str, Handler]
    tables: Path
    finders: Mapping[str, Finder] = field(default_factory=dict)
    observers: Mapping[str, Observer] = field(default_factory=dict)
    translators: Mapping[str, Translator] = field(default_factory=dict)
    migrations: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a wiring with holes: better at start than at the first request."""
        definition = self.definition
        called = {command.name.text for command in definition.commands}
        called |= {query.name.text for query in definition.queries}
        observed = {event.text for event in definition.observes}
        policies = definition.policies
        found = {self.commands[policy.command.text].aggregate.text for policy in policies if policy.found_by}
        self._refuse_holes("handler", called, self.handlers)
        rows = {projection.row.text for projection in definition.projections}
        translated = {translation.event.text for translation in definition.translations if translation.used}
        self._refuse_holes("message class", called | observed | rows, self.messages)
        self._refuse_holes("translator", translated, self.translators)
        self._refuse_holes("observer", observed, self.observers)
        self._refuse_holes("finder", found, self.finders)

    def _refuse_holes(self, what: str, wanted: set[str], given: Mapping[str, Any]) -> None:
        if missing := sorted(wanted - given.keys()):
            raise ValueError(f"service {self.definition.name.text}: no {what} for {', '.join(missing)}")

    @cached_property
    def commands(self) -> dict[str, Command]:
        """Own commands by name."""
        return {command.name.text: command for command in self.definition.commands}

    @cached_property
    def queries(self) -> dict[str, Query]:
        """Queries by name."""
        return {query.name.text: query for query in self.definition.queries}

    @property
    def operations(self) -> set[str]:
        """What can be called over HTTP: commands, queries and read models."""
        return self.handlers.keys() | {model.name.text for model in self.definition.read_models}

    @cached_property
    def names(self) -> dict[type[Any], str]:
        """Name by message class."""
        return {cls: name for name, cls in self.messages.items()}

    def event_of(self, event: object) -> Event:
        """The facts of an event that a handler returned."""
        name = self.names.get(type(event))
        known = self.definition.events_by_name.get(name) if name else None
        if known is None:
            raise TypeError(f"{type(event).__name__} is not an event that {self.definition.name.text} knows")
        return known


def run(service: Service) -> NoReturn:
    """Serve until SIGTERM or Ctrl-C, then stop gracefully and exit with 0.

    A setting that is missing or wrong, or a chassis that is too old, ends the process with 2 and one clear line.
    """
    from chassis.process import main  # noqa: PLC0415 - wiring is imported by tests that never serve

    raise SystemExit(main(service))
