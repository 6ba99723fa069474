"""ES: what an event storming would have on its wall, from the specification."""

from __future__ import annotations

from collections.abc import Callable

from fleetgen.model.fleet import Context, External, Policy, Service
from fleetgen.report.architecture.leaf import Chapter, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.subject import Subject


def event_storming(subject: Subject) -> Chapter:
    """The chapter."""
    wall: tuple[tuple[str, Callable[[Subject, Context], Phrase]], ...] = (
        ("Core Business Events", _events),
        ("Commands", _commands),
        ("Policies", _policies),
        ("Read Models", _read_models),
    )
    sections = [_section(subject, place, title, said) for place, (title, said) in enumerate(wall, start=1)]
    outside = tuple(_external(subject, external) for external in subject.fleet.externals)
    nothing = (Leaf((), (subject.book.fact("none is written", ("externals",)),)),)
    sections.append(Section("ES-05", "External Systems", outside or nothing))
    return Chapter("EVENT STORMING OUTCOMES", tuple(sections))


def _external(subject: Subject, external: External) -> Leaf:
    at = ("externals", external.name)
    return Leaf((subject.book.fact(external.name, at),), (subject.book.fact(external.purpose, (*at, "purpose")),))


def _section(subject: Subject, place: int, title: str, said: Callable[[Subject, Context], Phrase]) -> Section:
    leaves = [
        Leaf((subject.context(context),), phrase)
        for context in subject.fleet.contexts
        if (phrase := said(subject, context))
    ]
    nothing = Leaf((), (subject.figure(title.lower().replace(" ", "-"), "none is written", value="0"),))
    return Section(f"ES-{place:02}", title, tuple(leaves) or (nothing,))


def _events(subject: Subject, context: Context) -> Phrase:
    return subject.names(event.name for aggregate in context.aggregates for event in aggregate.events)


def _commands(subject: Subject, context: Context) -> Phrase:
    return subject.names(command.name for aggregate in context.aggregates for command in aggregate.commands)


def _policies(subject: Subject, context: Context) -> Phrase:
    return joined(
        _policy(subject, context, service, policy) for service in context.services for policy in service.policies
    )


def _policy(subject: Subject, context: Context, service: Service, policy: Policy) -> Phrase:
    """Several commands for one event stand in a list."""
    at = (*subject.service_path(context, service), "policies", policy.event.name)
    alike = [other for other in service.policies if other.event.name == policy.event.name]
    listed = next(place for place, other in enumerate(alike) if other is policy)
    does = subject.book.fact(policy.command.name, (*at, listed, "do"), (*at, "do"))
    return (subject.book.fact(policy.event.name, at), " -> ", does)


def _read_models(subject: Subject, context: Context) -> Phrase:
    return joined(
        (
            subject.book.fact(model.name, (path := subject.path(f"{aggregate.name}.{model.name}"))),
            " by ",
            subject.book.fact(model.key, (*path, "key")),
            " from ",
            *joined(subject.book.fact(event.name, (*path, "from", event.name)) for event in model.events),
            subject.made.mark("read-models", subject.book.fact("", path)),
        )
        for aggregate in context.aggregates
        for model in aggregate.read_models
    )
