"""Names that some system cannot tell apart, over the whole fleet.

A command, event or aggregate that stands twice under the very same name is the finding of a rule, not reported here.
"""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.core.names import kebab, plural
from fleetgen.model.fleet import Aggregate, Context, Element, Service
from fleetgen.spec.codes import Code
from fleetgen.spec.names import canonical
from fleetgen.spec.resolve.session import Session

_RULES = ("command", "event", "aggregate")  # exact twins of these are a rule's finding


def report_collisions(contexts: tuple[Context, ...], session: Session) -> None:
    """Messages share one namespace in generated code and files; services share one in DNS."""
    messages = list(_messages(contexts))
    _apart(messages, session)
    _beside_generated(messages, contexts, session)
    services = [service for context in contexts for service in context.services]
    _apart([("service", service) for service in services], session)
    for service in services:
        _plurals_apart(service, session)


def _messages(contexts: tuple[Context, ...]) -> Iterator[tuple[str, Element]]:
    for context in contexts:
        for aggregate in context.aggregates:
            yield "aggregate", aggregate
            yield from (("command", each) for each in aggregate.commands)
            yield from (("event", each) for each in aggregate.events)
            yield from (("query", each) for each in aggregate.queries)
            yield from (("read model", each) for each in aggregate.read_models)
            yield from (("value", each) for each in aggregate.values)


def _beside_generated(named: list[tuple[str, Element]], contexts: tuple[Context, ...], session: Session) -> None:
    """A name of the specification must not be one that generated code makes of another name."""
    services = [service for context in contexts for service in context.services]
    made = {name: source for service in services for name, source in _generated(service)}
    for kind, element in named:
        source = made.get(element.name)
        if source is not None:
            said = f"{_a(kind)} cannot be called `{element.name}`: generated code calls a part of `{source.name}` so"
            session.problems.add(Code.RESERVED_NAME, said, element.span, "rename it", [("made of this", source.span)])


def _generated(service: Service) -> Iterator[tuple[str, Element]]:
    """What stands beside messages in generated code, in one language or another: classes, type variables, modules."""
    for event in service.subscribes:
        yield f"On{event.name}", event
    yield from _generated_of_others(service)
    for aggregate in service.aggregates:
        for part in ("Repository", "T", *(["State"] if aggregate.states else [])):
            yield aggregate.name + part, aggregate
        for handled in (*aggregate.commands, *aggregate.queries):
            yield from ((handled.name + part, handled) for part in ("Handler", "Port"))
        for query in aggregate.queries:
            yield f"{query.name}Result", query
        yield from ((f"{model.name}Row", model) for model in aggregate.read_models)


def _generated_of_others(service: Service) -> Iterator[tuple[str, Element]]:
    """What stands for data and events of other contexts."""
    fed = (event for copy in service.copies for event in copy.events)
    for event in (*service.subscribes, *(policy.event for policy in service.policies), *fed):
        yield f"Seen{event.name}", event
    for copy in service.copies:
        yield from ((canonical(copy.name, "pascal") + part, copy) for part in ("Row", "Copy"))
    for asked in service.calls:
        yield f"{asked.name}Result", asked


def _apart(named: list[tuple[str, Element]], session: Session) -> None:
    first: dict[str, tuple[str, Element]] = {}
    for kind, element in named:
        other_kind, other = first.setdefault(element.name.lower(), (kind, element))
        if other is element or (kind == other_kind and _same(kind, element, other)):
            continue
        if element.name == other.name:
            said = f"`{element.name}` is {_a(kind)} here and {_a(other_kind)} elsewhere"
        else:
            said = f"`{element.name}` and `{other.name}` differ in case only, which file systems do not see"
        session.problems.add(Code.DUPLICATE_NAME, said, element.span, "rename one of them", [("the other", other.span)])


def _plurals_apart(service: Service, session: Session) -> None:
    """The plural is the aggregate's path, table and repository in its service: `Bus` and `Buse` would share `buses`."""
    first: dict[str, Aggregate] = {}
    for aggregate in service.aggregates:
        other = first.setdefault(plural(aggregate.name), aggregate)
        if other.name != aggregate.name:
            said = f"`{aggregate.name}` and `{other.name}` are both `{plural(aggregate.name)}` in the plural"
            place = [("the other", other.span)]
            session.problems.add(Code.DUPLICATE_NAME, said, aggregate.span, "rename one of them", place)
    for model in (model for aggregate in service.aggregates for model in aggregate.read_models):
        taken = first.get(kebab(model.name))
        if taken is not None:
            said = f"`{model.name}` is the plural of `{taken.name}`, and both would be read at `/{kebab(model.name)}`"
            place = [("the aggregate", taken.span)]
            session.problems.add(Code.DUPLICATE_NAME, said, model.span, "rename one of them", place)


def _same(kind: str, element: Element, other: Element) -> bool:
    """Exact twins that are somebody else's finding: rules, or the comparison of values."""
    return element.name == other.name and kind in (*_RULES, "value")


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
