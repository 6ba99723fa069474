"""The dependency graph: which service needs which other one, through what, and where that is written.

An edge runs from the service that needs to the one that is needed: a consumer needs the producer of its events, a
caller needs what it calls, an orchestrator the participants it commands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fleetgen.core.diagnostic import Span
from fleetgen.model.fleet import Binding, Fleet, Saga, SagaStep, Service, Source

EdgeKind = Literal["event", "call", "command"]


@dataclass(frozen=True, kw_only=True)
class Edge:
    """`source` needs `target` for `message`; `through` says by what: a policy, a copy, a saga."""

    source: str
    target: str
    kind: EdgeKind
    message: str
    through: str
    span: Span

    @property
    def text(self) -> str:
        """The edge in words, for a related place."""
        verb = {"event": "reads", "call": "calls", "command": "sends"}[self.kind]
        return f"`{self.source}` {verb} `{self.message}` of `{self.target}`"


@dataclass(frozen=True)
class Graph:
    """Services and the edges between them. A service's use of its own messages is no edge."""

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]

    def only(self, *kinds: EdgeKind) -> Graph:
        """The same services with the edges of some kinds."""
        return Graph(self.nodes, tuple(edge for edge in self.edges if edge.kind in kinds))

    @cached_property
    def calls(self) -> Graph:
        """The synchronous part: who waits for whom."""
        return self.only("call")

    @cached_property
    def targets(self) -> Mapping[str, tuple[str, ...]]:
        """The services each one needs, each once, in the order of the nodes."""
        rank = {node: place for place, node in enumerate(self.nodes)}
        needed: dict[str, set[str]] = {node: set() for node in self.nodes}
        for edge in self.edges:
            needed[edge.source].add(edge.target)
        return {node: tuple(sorted(found, key=rank.__getitem__)) for node, found in needed.items()}

    def between(self, source: str, target: str) -> tuple[Edge, ...]:
        """All edges from one service to another."""
        return self._pairs.get((source, target), ())

    @cached_property
    def _pairs(self) -> Mapping[tuple[str, str], tuple[Edge, ...]]:
        found: dict[tuple[str, str], list[Edge]] = {}
        for edge in self.edges:
            found.setdefault((edge.source, edge.target), []).append(edge)
        return {pair: tuple(edges) for pair, edges in found.items()}

    def reachable(self, node: str) -> tuple[str, ...]:
        """Every other service that `node` needs, directly or through others, each once."""
        seen = {node}
        waiting = deque([node])
        while waiting:
            for target in self.targets[waiting.popleft()]:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return tuple(other for other in self.nodes if other in seen and other != node)

    @cached_property
    def components(self) -> tuple[tuple[str, ...], ...]:
        """Strongly connected components of more than one service, in the order of the nodes."""
        groups = (
            tuple(node for node in self.nodes if node in group) for group in _Tarjan(self.nodes, self.targets).groups
        )
        rank = {node: place for place, node in enumerate(self.nodes)}
        return tuple(sorted((group for group in groups if len(group) > 1), key=lambda group: rank[group[0]]))

    def cycle(self, component: tuple[str, ...]) -> tuple[str, ...]:
        """A shortest cycle through the first service of a component; that service stands at both ends."""
        start = component[0]
        paths: deque[tuple[str, ...]] = deque([(start,)])
        seen: set[str] = set()
        while paths:
            path = paths.popleft()
            for target in self.targets[path[-1]]:
                if target == start:
                    return (*path, start)
                if target in component and target not in seen:
                    seen.add(target)
                    paths.append((*path, target))
        return ()


class _Tarjan:
    """Tarjan's algorithm with a stack of its own: a long chain must not meet Python's recursion limit."""

    def __init__(self, nodes: Iterable[str], targets: Mapping[str, tuple[str, ...]]) -> None:
        self.targets = targets
        self.index: dict[str, int] = {}
        self.low: dict[str, int] = {}
        self.open: list[str] = []  # visited, component not yet known
        self.groups: list[set[str]] = []
        for node in nodes:
            if node not in self.index:
                self._visit(node)

    def _visit(self, root: str) -> None:
        path = [self._enter(root)]
        while path:
            node, rest = path[-1]
            target = next(rest, None)
            if target is None:
                path.pop()
                if path:
                    parent = path[-1][0]
                    self.low[parent] = min(self.low[parent], self.low[node])
                self._leave(node)
            elif target not in self.index:
                path.append(self._enter(target))
            elif target in self.open:
                self.low[node] = min(self.low[node], self.index[target])

    def _enter(self, node: str) -> tuple[str, Iterator[str]]:
        self.index[node] = self.low[node] = len(self.index)
        self.open.append(node)
        return node, iter(self.targets[node])

    def _leave(self, node: str) -> None:
        if self.low[node] == self.index[node]:
            place = self.open.index(node)
            self.groups.append(set(self.open[place:]))
            del self.open[place:]


def dependency_graph(fleet: Fleet) -> Graph:
    """The graph of all services, those of contexts that exist elsewhere too."""
    services = tuple(service for context in fleet.contexts for service in context.services)
    nodes = tuple(dict.fromkeys(service.name for service in services))
    found = [*_service_edges(fleet, services), *_saga_edges(fleet)]
    kept = (edge for edge in found if edge.source != edge.target and {edge.source, edge.target} <= set(nodes))
    return Graph(nodes, tuple(dict.fromkeys(kept)))


def _service_edges(fleet: Fleet, services: Iterable[Service]) -> Iterator[Edge]:
    for service in services:
        for policy in service.policies:
            yield from _reads(fleet, service.name, policy.event.name, f"policy `{policy.name}`", policy.span)
        for copy in service.copies:
            for event in copy.events:
                yield from _reads(fleet, service.name, event.name, f"copy `{copy.name}`", copy.span)
        for asked in service.calls:
            owner = fleet.service_of.get(asked.name)
            if owner is not None:
                yield Edge(
                    source=service.name,
                    target=owner.name,
                    kind="call",
                    message=asked.name,
                    through=f"call of `{asked.name}`",
                    span=service.span,
                )
        for event in service.subscribes:
            yield from _reads(fleet, service.name, event.name, "subscription", service.span)


def _reads(fleet: Fleet, reader: str, message: str, through: str, span: Span) -> Iterator[Edge]:
    owner = fleet.service_of.get(message)
    if owner is not None:
        kind: EdgeKind = "event"
        yield Edge(source=reader, target=owner.name, kind=kind, message=message, through=through, span=span)


def _saga_edges(fleet: Fleet) -> Iterator[Edge]:
    for saga in fleet.sagas:
        owners = [fleet.service_of.get(step.command.name) for step in saga.steps]
        if saga.steps and owners[0] is not None:
            yield from _flow(fleet, saga, owners[0].name)


def _flow(fleet: Fleet, saga: Saga, owner: str) -> Iterator[Edge]:
    through = f"saga `{saga.name}`"
    before: SagaStep | None = None
    for place, step in enumerate(saga.steps):
        service = fleet.service_of.get(step.command.name)
        if service is not None and step.call:
            name = step.command.name
            yield Edge(source=owner, target=service.name, kind="call", message=name, through=through, span=step.span)
        elif service is not None and saga.mode == "orchestration":
            yield from _commands(fleet, step, owner, through)
        elif service is not None:
            triggers = [before.command.emits.name] if before else []
            for message in (*triggers, *_sources(step), *_undo_triggers(step, saga.steps[place + 1 :])):
                yield from _reads(fleet, service.name, message, through, step.span)
        before = step


def _commands(fleet: Fleet, step: SagaStep, owner: str, through: str) -> Iterator[Edge]:
    for command in (step.command, step.undo):
        target = fleet.service_of.get(command.name) if command else None
        if command and target:
            yield Edge(
                source=owner, target=target.name, kind="command", message=command.name, through=through, span=step.span
            )


def _undo_triggers(step: SagaStep, later: tuple[SagaStep, ...]) -> Iterator[str]:
    """What a choreography's participant undoes its step on: a refusal, or the undo of the next step that has one."""
    for other in later if step.undo else ():
        if other.command.rejection:
            yield other.command.rejection.name
        if other.undo:
            yield other.undo.emits.name
        if other.undo or other.kind == "pivot":
            return


def _sources(step: SagaStep) -> Iterator[str]:
    """The messages whose data a participant of a choreography keeps for this step."""
    bindings: tuple[Binding, ...] = (*step.bindings, *step.undo_bindings)
    listed: tuple[Source, ...] = (step.for_each,) if step.for_each else ()
    for source in (*(binding.source for binding in bindings), *listed):
        if source.kind == "message" and source.message:
            yield source.message
