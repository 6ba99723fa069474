"""CA-02 and CP-02: events, their schemas and their order."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.analysis.figures import duration
from fleetgen.model.fleet import Aggregate, Service
from fleetgen.report.architecture.leaf import Fact, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.subject import Subject


def asynchronous(subject: Subject) -> Section:
    """CA-02."""
    partitions = subject.platform(str(subject.fleet.platform.partitions), "events", "partitions")
    streaming = subject.claim("topics", _bus(subject), " with ", partitions, " partitions a topic")
    return Section(
        "CA-02",
        "Asynchronous Messaging",
        (
            Leaf(("Event Streaming",), (*streaming, *_registry(subject, "; registry "))),
            Leaf(("Message Queuing",), _dead_letters(subject)),
            Leaf(("Event Sourcing",), _sourcing(subject)),
            Leaf(("Saga Orchestration",), _modes(subject), tuple(_undone(subject))),
            Leaf(("Event Schema",), _schema(subject)),
            Leaf(("Ordering Guarantees",), _ordering(subject)),
        ),
    )


def event_patterns(subject: Subject) -> Section:
    """CP-02: the figures."""
    platform = subject.fleet.platform
    replicas = subject.platform(str(platform.replicas), "events", "replicas")
    kept = subject.platform(duration(platform.retention), "events", "retention")
    bus = subject.claim("topics", _bus(subject), " with ", replicas, " replicas, kept for ", kept)
    return Section(
        "CP-02",
        "Event-Driven Architecture",
        (
            Leaf(("Event Bus",), bus),
            Leaf(("Schema Registry",), (*_registry(subject, ""), " with ", *_format(subject), " schemas")),
            Leaf(("Event Sourcing",), _sourcing(subject)),
            Leaf(("Saga Pattern",), _modes(subject)),
            Leaf(("Dead Letter Queue",), _dead_letters(subject)),
            Leaf(("Event Ordering",), ("one topic an aggregate",), tuple(_partitioned(subject))),
        ),
    )


def _bus(subject: Subject) -> Fact:
    return subject.platform(subject.fleet.platform.bus, "events", "bus")


def _registry(subject: Subject, before: str) -> Phrase:
    registry = subject.platform(subject.fleet.platform.registry, "events", "registry")
    return subject.claim("registry", before, registry) if before else subject.claim("registry", registry)


def _format(subject: Subject) -> Phrase:
    return (subject.platform(subject.fleet.platform.format, "events", "format"),)


def _dead_letters(subject: Subject) -> Phrase:
    platform = subject.fleet.platform
    attempts = subject.platform(str(platform.dead_letter_attempts), "dead-letters", "attempts")
    kept = subject.platform(duration(platform.dead_letter_retention), "dead-letters", "retention")
    given_up = subject.claim("dead-letters", "dead-letter topics after ", attempts, " attempts")
    return joined((given_up, subject.claim("dead-letter-retention", "kept for ", kept)))


def _sourcing(subject: Subject) -> Phrase:
    """Who is event-sourced; who asked for it and gets stored state instead."""
    found: list[Phrase] = []
    for service in subject.fleet.services:
        asked = subject.of(service, "event-sourced", "patterns")
        if service.sourced:
            every = joined(_snapshots(subject, aggregate) for aggregate in service.aggregates)
            found.append(subject.claim("event-sourcing", subject.service(service), " is ", asked, ", ", *every))
        elif ("pattern", "event-sourcing", "stored state") in service.replacements:
            wish = subject.of(service, "event sourcing", "asked", "patterns")
            found.append((subject.service(service), " asks for ", wish, " and gets stored state"))
    nothing = subject.figure("event-sourced-services", "no service asks for it", value="0")
    return joined(found, "; ") or (nothing,)


def _snapshots(subject: Subject, aggregate: Aggregate) -> Phrase:
    every = subject.book.fact(str(aggregate.snapshot_every), (*subject.path(aggregate.name), "snapshot-every"))
    return ("a snapshot of ", subject.name(aggregate.name), " every ", every, " events")


def _modes(subject: Subject) -> Phrase:
    found = []
    for saga in subject.fleet.sagas:
        at = ("sagas", saga.name)
        mode = subject.book.fact(saga.mode, (*at, "mode"))
        found.append(subject.claim(f"saga-{saga.mode}", mode, " for ", subject.book.fact(saga.name, at)))
    return joined(found) or (subject.book.fact("no saga is written", ("sagas",)),)


def _undone(subject: Subject) -> Iterator[Leaf]:
    for saga in subject.fleet.sagas:
        undone = str(sum(1 for step in saga.steps if step.undo))
        text = (
            subject.figure("undone-steps", undone, saga.name),
            " of ",
            subject.figure("steps", str(len(saga.steps)), saga.name),
            " steps can be undone",
        )
        yield Leaf((subject.book.fact(saga.name, ("sagas", saga.name)),), text)


def _schema(subject: Subject) -> Phrase:
    compatibility = subject.platform(subject.fleet.platform.compatibility, "events", "compatibility")
    count = sum(len(aggregate.events) for service in subject.fleet.services for aggregate in service.aggregates)
    return (
        *_format(subject),
        ", ",
        subject.figure("events", str(count)),
        " events; compatibility ",
        *subject.claim("registry", compatibility, ", set at the registry"),
    )


def _ordering(subject: Subject) -> Phrase:
    return joined((
        subject.claim("ordering", "what has one key stays in order"),
        subject.claim("duplicates", "what comes twice takes effect once"),
    ))  # fmt: skip


def _partitioned(subject: Subject) -> Iterator[Leaf]:
    for service in subject.fleet.services:
        keyed = joined(_key(subject, aggregate) for aggregate in service.aggregates)
        if keyed:
            yield Leaf((subject.service(service),), keyed)


def _key(subject: Subject, aggregate: Aggregate) -> Phrase:
    at = subject.path(aggregate.name)
    paths = tuple(path for path in ((*at, "partition-by"), (*at, "key")) if subject.book.has(*path))
    by = subject.book.fact(aggregate.partition_by, *(paths or ((*at, "key"),)))
    return (subject.name(aggregate.name), " by ", by)


def reads(subject: Subject, service: Service) -> Phrase:
    """Foreign events that a service reads."""
    found: dict[str, Fact] = {}
    for policy in service.policies:
        found.setdefault(policy.event.name, subject.of(service, policy.event.name, "policies", policy.event.name))
    for copy in service.copies:
        for event in copy.events:
            found.setdefault(event.name, subject.of(service, event.name, "copies", copy.name, "from", event.name))
    for event in service.subscribes:
        found.setdefault(event.name, subject.of(service, event.name, "subscribes", event.name))
    return joined(found.values())
