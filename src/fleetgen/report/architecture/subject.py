"""What sections are written from: the fleet with its graph, its specification, and what is generated from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from fleetgen.analysis.complexity import Complexity, complexity
from fleetgen.analysis.graph import Graph, dependency_graph
from fleetgen.model.fleet import Aggregate, Context, Fleet, Service, Team
from fleetgen.report.architecture.book import Book, Path
from fleetgen.report.architecture.leaf import Fact, Figure, Leaf, Phrase, joined
from fleetgen.report.architecture.made import Made


@dataclass(frozen=True, eq=False)
class Subject:
    """One fleet under report."""

    fleet: Fleet
    book: Book
    made: Made

    @cached_property
    def graph(self) -> Graph:
        """Who needs whom."""
        return dependency_graph(self.fleet)

    @cached_property
    def measured(self) -> Complexity:
        """How complex it is."""
        return complexity(self.fleet)

    @cached_property
    def teams(self) -> Mapping[str, Team]:
        """By name."""
        return {team.name: team for team in self.fleet.teams}

    @cached_property
    def sagas_of(self) -> Mapping[str, tuple[str, ...]]:
        """The sagas that a service takes part in, by its name."""
        found: dict[str, dict[str, None]] = {}
        for saga in self.fleet.sagas:
            for step in saga.steps:
                found.setdefault(self.fleet.service_of[step.command.name].name, {})[saga.name] = None
        return {service: tuple(sagas) for service, sagas in found.items()}

    @cached_property
    def _paths(self) -> Mapping[str, Path]:
        """Of services, and of what they own by unique names: aggregates, commands, queries, events."""
        found: dict[str, Path] = {}
        for context in self.fleet.contexts:
            for service in context.services:
                for aggregate in service.aggregates:
                    at = (*self.service_path(context, service), "aggregates", aggregate.name)
                    _aggregate(at, aggregate, found)
        return found

    # -- where things are written

    def path(self, name: str) -> Path:
        """Of an aggregate, command, query or event."""
        return self._paths[name]

    def service_path(self, context: Context, service: Service) -> Path:
        """Of a service that its context lists, or of the context that is its service."""
        listed: Path = ("contexts", context.name, "services", service.name)
        return listed if self.book.has(*listed) else ("contexts", context.name)

    def of(self, service: Service, text: str, *key: str) -> Fact:
        """A key of a service: its own word, or its context's."""
        context = self.fleet.context_of[service.name]
        return self.book.fact(text, (*self.service_path(context, service), *key), ("contexts", context.name, *key))

    # -- names

    def name(self, name: str) -> Fact:
        """An aggregate, command, query or event by its name."""
        return self.book.fact(name, self._paths[name])

    def names(self, names: Iterable[str]) -> Phrase:
        """Several of them."""
        return joined(self.name(name) for name in names)

    def service(self, service: Service) -> Fact:
        """A service by its name."""
        return self.book.fact(service.name, self.service_path(self.fleet.context_of[service.name], service))

    def context(self, context: Context) -> Fact:
        """A context by its title, which is made from its name where none is written."""
        return self.book.fact(context.title, *self._titled("contexts", context.name))

    def team(self, team: Team) -> Fact:
        """A team by its title."""
        return self.book.fact(team.title, *self._titled("teams", team.name))

    def titled(self, service: Service) -> Fact:
        """A service by its title."""
        path = self.service_path(self.fleet.context_of[service.name], service)
        return self.book.fact(service.title, *self._titled(*path))

    def _titled(self, *path: str | int) -> tuple[Path, ...]:
        return ((*path, "title"), path) if self.book.has(*path, "title") else (path,)

    # -- the platform and figures

    def platform(self, text: str, *key: str) -> Fact:
        """A key of `platform`."""
        return self.book.fact(text, ("platform", *key))

    def figure(self, name: str, text: str, *of: str, value: str | None = None) -> Fact:
        """A figure of the analysis."""
        return Fact(text, Figure(name, of, text if value is None else value))

    def claim(self, capability: str, *parts: str | Fact) -> Phrase:
        """Words about a capability, and whether it is generated."""
        return (*parts, self.made.mark(capability, *(part for part in parts if isinstance(part, Fact))))


def one_or_each(label: str, found: list[Leaf], nothing: Phrase) -> Leaf:
    """A leaf with what was found below it, or with the reason that there is nothing."""
    return Leaf((label,), children=tuple(found)) if found else Leaf((label,), nothing)


def counted(subject: Subject, name: str, amount: int, noun: str, *of: str) -> Phrase:
    """`1 team`, `2 teams`, as a figure."""
    return (subject.figure(name, str(amount), *of), f" {noun}" if amount == 1 else f" {noun}s")


def each(services: Iterable[Service], said: Callable[[Service], Phrase], name: Callable[[Service], Fact]) -> list[Leaf]:
    """A leaf for every service that has something to say."""
    return [Leaf((name(service),), phrase) for service in services if (phrase := said(service))]


def _aggregate(at: Path, aggregate: Aggregate, found: dict[str, Path]) -> None:
    found[aggregate.name] = at
    for command in aggregate.commands:
        path = (*at, "commands", command.name)
        found[command.name] = path
        found.setdefault(command.emits.name, (*path, "emits"))
        if command.rejection:
            found.setdefault(command.rejection.name, (*path, "or", command.rejection.name))
    for query in aggregate.queries:
        found[query.name] = (*at, "queries", query.name)
    for model in aggregate.read_models:
        found[f"{aggregate.name}.{model.name}"] = (*at, "read-models", model.name)
