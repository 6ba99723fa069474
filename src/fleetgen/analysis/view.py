"""What rules look at: the fleet with its graph, who encloses what, and the waivers once they are reviewed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from fleetgen.analysis.graph import Edge, Graph, dependency_graph
from fleetgen.analysis.texts import texts
from fleetgen.model.fleet import (
    Aggregate,
    Command,
    Context,
    Element,
    Event,
    Fleet,
    Reason,
    Saga,
    Service,
    Value,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Waiver:
    """`waive: {rule_id: reason}` as written on an element, and whether any finding was accepted by it."""

    element: Element
    rule_id: str
    reason: Reason
    used: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Owned:
    """An aggregate with its owners."""

    context: Context
    service: Service
    aggregate: Aggregate


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A fleet as rules see it. `stacks` are those that can be generated today; None: nobody asks."""

    fleet: Fleet
    stacks: frozenset[str] | None = None
    waivers: tuple[Waiver, ...] = ()
    rules: frozenset[str] = frozenset()  # all ids
    waivable: frozenset[str] = frozenset()  # those that a waiver may name

    @cached_property
    def graph(self) -> Graph:
        """Who needs whom."""
        return dependency_graph(self.fleet)

    @cached_property
    def traffic(self) -> Mapping[frozenset[str], tuple[Edge, ...]]:
        """What runs between each two contexts, by their names, whichever way round."""
        found: dict[frozenset[str], list[Edge]] = {}
        for edge in self.graph.edges:
            pair = frozenset(self.fleet.context_of[name].name for name in (edge.source, edge.target))
            if len(pair) > 1:
                found.setdefault(pair, []).append(edge)
        return {pair: tuple(edges) for pair, edges in found.items()}

    @cached_property
    def callers(self) -> Mapping[str, tuple[str, ...]]:
        """The services that call each one, where any do."""
        found: dict[str, list[str]] = {}
        for source, targets in self.graph.calls.targets.items():
            for target in targets:
                found.setdefault(target, []).append(source)
        return {target: tuple(sources) for target, sources in found.items()}

    @cached_property
    def managed(self) -> tuple[Context, ...]:
        """The contexts that this fleet generates."""
        return tuple(context for context in self.fleet.contexts if context.managed)

    @cached_property
    def owned(self) -> tuple[Owned, ...]:
        """All aggregates, also those whose name is there twice."""
        return tuple(
            Owned(context=context, service=service, aggregate=aggregate)
            for context in self.fleet.contexts
            for service in context.services
            for aggregate in service.aggregates
        )

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """By name, those of contexts that exist elsewhere too."""
        return {service.name: service for context in self.fleet.contexts for service in context.services}

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """Every element, the fleet first, each once."""
        return tuple(element for element, _ in self._parents.values())

    @cached_property
    def texts(self) -> tuple[tuple[Element, tuple[tuple[str, str], ...]], ...]:
        """Each element with what it holds itself: keys and texts."""
        return tuple((element, tuple(texts(element))) for element in self.elements)

    @cached_property
    def _parents(self) -> dict[int, tuple[Element, Element | None]]:
        """By identity: equal elements may stand in two places, and they hold mappings, so they have no hash."""
        found: dict[int, tuple[Element, Element | None]] = {id(self.fleet): (self.fleet, None)}
        waiting: list[Element] = [self.fleet]
        for parent in waiting:  # grows while it is walked: breadth first
            for child in _children(parent):
                if id(child) not in found:
                    found[id(child)] = (child, parent)
                    waiting.append(child)
        return found

    def enclosing(self, element: Element) -> tuple[Element, ...]:
        """The element and everything around it, the fleet last."""
        chain: list[Element] = []
        here: Element | None = element
        while here is not None:
            chain.append(here)
            here = self._parents.get(id(here), (here, None))[1]
        return tuple(chain) if chain[-1] is self.fleet else (*chain, self.fleet)


def _children(element: Element) -> Iterator[Element]:
    """What an element owns. References to elements owned elsewhere are left out."""
    match element:
        case Fleet():
            yield from (*element.teams, *element.contexts, *element.relations, *element.sagas, element.platform)
            yield from (*element.externals, *element.legacy, *element.evolution)
            yield from (part for part in (element.slo, element.load) if part)
        case Context():
            yield from element.services
        case Service():
            yield from (*element.aggregates, *element.policies, *element.schedules, *element.copies)
            yield from (part for part in (element.slo, element.load) if part)
        case Aggregate():
            yield from (*element.fields, *element.values, *element.commands, *element.queries, *element.read_models)
        case Command():
            yield from (element.emits, *((element.rejection,) if element.rejection else ()), *element.inputs)
        case Value() | Event():
            yield from element.fields
        case Saga():
            yield from element.steps
        case _:
            return
