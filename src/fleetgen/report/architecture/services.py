"""MA: one section a service."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.core.names import kebab
from fleetgen.model.fleet import Context, Service
from fleetgen.report.architecture.boundaries import data_of, grows, service_load, stores_of
from fleetgen.report.architecture.domain import people
from fleetgen.report.architecture.leaf import Chapter, Fact, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.messaging import reads
from fleetgen.report.architecture.subject import Subject


def service_design(subject: Subject) -> Chapter:
    """The chapter."""
    sections = (_section(subject, place, service) for place, service in enumerate(subject.fleet.services, start=1))
    return Chapter("MICROSERVICES ARCHITECTURE DESIGN", tuple(sections))


def _section(subject: Subject, place: int, service: Service) -> Section:
    context = subject.fleet.context_of[service.name]
    core = (" (Core Domain)",) if context.subdomain == "core" else ()
    title = (subject.titled(service), " Service", *core)
    return Section(f"MA-{place:02}", title, tuple(_leaves(subject, context, service)))


def _leaves(subject: Subject, context: Context, service: Service) -> Iterator[Leaf]:
    yield Leaf(
        ("Domain Responsibility",), (subject.of(service, service.purpose or "no purpose is written", "purpose"),)
    )
    yield Leaf(("Data Ownership",), data_of(subject, service))
    yield Leaf(("API Design",), _api(subject, service))
    yield Leaf(("Technology Stack",), stack_of(subject, service))
    for label, text in (
        ("Patterns", _patterns(subject, service)),
        ("Consistency Model", consistency_of(subject, context)),
        ("Scaling Pattern", joined((service_load(subject, service), _growth(subject, context)), "; ")),
        ("Integration", _integration(subject, service)),
        ("Team Ownership", team_of(subject, context)),
    ):
        if text:
            yield Leaf((label,), text)


def _api(subject: Subject, service: Service) -> Phrase:
    kinds = joined(subject.of(service, kind, "api", kind) for kind in service.api)
    contract = subject.made.file(f"contracts/openapi/{kebab(service.name)}.yaml")
    return (*kinds, "; contract ", contract)


def stack_of(subject: Subject, service: Service) -> Phrase:
    """Stack and stores, and what was asked for before another took its place."""
    wishes = []
    for what, asked, _ in service.replacements:
        key = {"stack": ("stack",), "api": ("api", asked), "pattern": ("patterns", asked)}.get(what)
        wish = subject.of(service, asked, "asked", *(key or ("stores", what.removesuffix(" store"))))
        wishes.append((wish, " is asked for"))
    return (subject.of(service, service.stack, "stack"), " + ", *joined((stores_of(subject, service), *wishes), "; "))


def consistency_of(subject: Subject, context: Context) -> Phrase:
    """Strong within one database, eventual between services, or by types that merge."""
    said = subject.book.fact(context.consistency, ("contexts", context.name, "consistency"))
    return subject.claim("crdt", said) if context.consistency == "crdt" else (said,)


def _patterns(subject: Subject, service: Service) -> Phrase:
    found: list[Phrase | Fact] = []
    if service.cqrs:
        found.append(subject.claim("cqrs", subject.of(service, "cqrs", "patterns", "cqrs")))
    if service.sourced:
        found.append(
            subject.claim("event-sourcing", subject.of(service, "event-sourcing", "patterns", "event-sourcing"))
        )
    for saga in subject.sagas_of.get(service.name, ()):
        found.append(("takes part in saga ", subject.book.fact(saga, ("sagas", saga))))
    return joined(found)


def _growth(subject: Subject, context: Context) -> Phrase:
    return grows(subject, context) if context.extra.get("scaling") else ()


def _integration(subject: Subject, service: Service) -> Phrase:
    outside = joined(
        (
            subject.book.fact(external.name, ("externals", external.name)),
            subject.book.fact("", ("externals", external.name, "used-by", service.name)),
        )
        for external in subject.fleet.externals
        if service.name in external.used_by
    )
    read = reads(subject, service)
    return joined((("reads ", *read) if read else (), ("calls ", *outside) if outside else ()), "; ")


def team_of(subject: Subject, context: Context) -> Phrase:
    """The owners, and how many they are."""
    owner = subject.teams.get(context.team)
    if owner is None:
        return (subject.book.fact("no team is written", ("contexts", context.name, "team")),)
    owned = subject.book.fact("", ("contexts", context.name, "team"))
    return (owned, subject.team(owner), " (", *people(subject, owner), ")")
