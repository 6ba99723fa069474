"""DD-02: what each service is for, what it owns, where transactions end, and what a failure reaches."""

from __future__ import annotations

from fleetgen.analysis.availability import hard_dependencies, serial, target_of
from fleetgen.analysis.figures import duration, number, percent
from fleetgen.model.fleet import Aggregate, Context, External, Load, Service
from fleetgen.report.architecture.book import Path
from fleetgen.report.architecture.leaf import Fact, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.sagas import saga_flow
from fleetgen.report.architecture.subject import Subject, each


def service_boundaries(subject: Subject) -> Section:
    """The section."""
    services = subject.fleet.services
    return Section(
        "DD-02",
        "Service Boundary Definition",
        (
            Leaf(
                ("Business Capabilities",),
                children=tuple(each(services, lambda s: _capability(subject, s), subject.service)),
            ),
            Leaf(("Data Ownership",), children=tuple(each(services, lambda s: data_of(subject, s), subject.service))),
            _transactions(subject),
            _isolation(subject),
            _scaling(subject),
            _autonomy(subject),
        ),
    )


def _capability(subject: Subject, service: Service) -> Phrase:
    commands = subject.names(command.name for aggregate in service.aggregates for command in aggregate.commands)
    queries = subject.names(query.name for aggregate in service.aggregates for query in aggregate.queries)
    seen = joined(subject.of(service, event.name, "subscribes", event.name) for event in service.subscribes)
    said = joined((commands, queries, ("sees ", *seen) if seen else ()), "; ")
    return said or (subject.of(service, "nothing yet", "aggregates"),)


def data_of(subject: Subject, service: Service) -> Phrase:
    """Aggregates, copies and stores."""
    kept: list[Phrase | Fact] = [_aggregate(subject, service, aggregate) for aggregate in service.aggregates]
    kept += [
        subject.claim("copies", subject.of(service, copy.name, "copies", copy.name), ", a read-only copy")
        for copy in service.copies
    ]
    nothing = (subject.of(service, "no aggregate", "aggregates"),)
    return (*(joined(kept, "; ") or nothing), " - ", *stores_of(subject, service))


def stores_of(subject: Subject, service: Service) -> Phrase:
    """Each store with its role."""
    return joined(
        (subject.of(service, kind, "stores", role, "kind"), " (", subject.of(service, role, "stores", role), ")")
        for role, kind in service.stores.items()
    )


def _aggregate(subject: Subject, service: Service, aggregate: Aggregate) -> Phrase:
    how: list[Phrase | Fact] = []
    if aggregate.kind == "double-entry":
        kind = subject.book.fact("ledger", (*subject.path(aggregate.name), "kind"))
        how.append(subject.claim("ledger", kind))
    if service.sourced:
        how.append(subject.claim("event-sourcing", subject.of(service, "event-sourced", "patterns", "event-sourcing")))
    return (subject.name(aggregate.name), *((": ", *joined(how)) if how else ()))


def _transactions(subject: Subject) -> Leaf:
    text: Phrase = ("one aggregate a command",)
    if not subject.fleet.sagas:
        text = (*text, "; ", subject.book.fact("nothing spans services", ("sagas",)))
    leaves = (
        Leaf((subject.book.fact(saga.name, ("sagas", saga.name)),), saga_flow(subject, saga))
        for saga in subject.fleet.sagas
    )
    return Leaf(("Transaction Boundaries",), text, tuple(leaves))


# -- failures


def _isolation(subject: Subject) -> Leaf:
    needing = [(service, hard_dependencies(subject.graph, service.name)) for service in subject.fleet.services]
    leaves = [_needs(subject, service, needed) for service, needed in needing if needed]
    nobody = subject.figure("services-that-wait", "no service waits for another", value="0")
    leaves = leaves or [Leaf((), (nobody, ": what crosses is a message"))]
    outside = (_outside(subject, external) for external in subject.fleet.externals)
    return Leaf(("Failure Isolation",), _limits(subject), (*leaves, *outside))


def _limits(subject: Subject) -> Phrase:
    platform = subject.fleet.platform
    breaker = subject.claim(
        "circuit-breaker",
        "circuit breaker opens for ",
        subject.platform(duration(platform.breaker_open), "circuit-breaker", "open"),
        " after ",
        subject.platform(str(platform.breaker_failures), "circuit-breaker", "failures"),
        " failures",
    )
    bulkhead = subject.claim(
        "bulkhead",
        "bulkhead of ",
        subject.platform(str(platform.bulkhead_concurrent), "bulkhead", "concurrent"),
        " calls with ",
        subject.platform(str(platform.bulkhead_queued), "bulkhead", "queued"),
        " waiting",
    )
    return joined((breaker, bulkhead))


def _outside(subject: Subject, external: External) -> Leaf:
    at: Path = ("externals", external.name)
    users = subject.book.fact(", ".join(external.used_by) or "no service", (*at, "used-by"))
    limit = external_limit(subject, external)
    return Leaf(
        (subject.book.fact(external.name, at),),
        ("outside, called by ", users, ", ", limit, " at most", subject.made.mark("timeout-external", limit)),
    )


def external_limit(subject: Subject, external: External) -> Fact:
    """Its own timeout, or the platform's."""
    own: Path = ("externals", external.name, "timeout")
    shared: Path = ("platform", "timeouts", "external")
    return subject.book.fact(duration(external.timeout), *((own,) if subject.book.has(*own) else (shared,)))


def _needs(subject: Subject, service: Service, needed: tuple[str, ...]) -> Leaf:
    fleet = subject.fleet
    services = {other.name: other for context in fleet.contexts for other in context.services}
    targets = [target_of(fleet, other) for other in (service, *(services[name] for name in needed))]
    known = [target for target in targets if target is not None]
    text: Phrase = ("waits for ", subject.figure("waits-for", ", ".join(needed), service.name))
    if len(known) == len(targets):
        together = percent(serial(known[0], known[1:]))
        text += (
            "; at their targets together ",
            subject.figure("availability-with-dependencies", together, service.name),
            " of ",
            target_fact(subject, service),
        )
    return Leaf((subject.service(service),), text)


def target_fact(subject: Subject, service: Service) -> Fact:
    """The availability that a service promises: its own word, its context's or the fleet's."""
    context = subject.fleet.context_of[service.name]
    key = ("slo", "availability")
    paths: tuple[Path, ...] = (
        (*subject.service_path(context, service), *key),
        ("contexts", context.name, *key),
        key,
    )
    target = target_of(subject.fleet, service)
    return subject.book.fact(percent(target) if target is not None else "no target", *paths)


# -- growth and teams


def _scaling(subject: Subject) -> Leaf:
    fleet = subject.fleet
    whole = load_of(subject, fleet.load, ("load",))
    leaves = each(fleet.services, lambda s: service_load(subject, s), subject.service)
    leaves += [
        Leaf((subject.context(context),), grows(subject, context))
        for context in fleet.contexts
        if context.managed and context.extra.get("scaling")
    ]
    nothing: Phrase = () if leaves else (subject.book.fact("no load is written", ("load",)),)
    text: Phrase = (*whole, " for the whole") if whole else nothing
    return Leaf(("Scaling Requirements",), text, tuple(leaves))


def grows(subject: Subject, context: Context) -> Phrase:
    """What `scaling` asks for. Anything may stand there."""
    found = []
    for key, value in context.extra["scaling"].items():
        text = ", ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
        fact = subject.book.fact(text, ("contexts", context.name, "scaling", key))
        named = subject.book.fact(key.replace("-", " "), ("contexts", context.name, "scaling", key))
        wanted = key if key in ("read-replicas", "cdn") else "autoscaling"
        found.append(subject.claim(wanted, named, ": ", fact))
    return joined(found, "; ")


def service_load(subject: Subject, service: Service) -> Phrase:
    """The load that is written for a service."""
    context = subject.fleet.context_of[service.name]
    path = (*subject.service_path(context, service), "load")
    return load_of(subject, service.load, path if subject.book.has(*path) else ("contexts", context.name, "load"))


def load_of(subject: Subject, load: Load | None, at: Path) -> Phrase:
    """A load in words."""
    if load is None:
        return ()
    found: list[Phrase] = []
    if load.peak is not None:
        found.append((subject.book.fact(number(load.peak, 6), (*at, "peak")), " requests a second at the peak"))
    if load.message is not None:
        found.append(("messages of ", subject.book.fact(str(load.message), (*at, "message")), " bytes"))
    if load.users is not None:
        found.append((subject.book.fact(str(load.users), (*at, "users")), " users"))
    return joined(found)


def _autonomy(subject: Subject) -> Leaf:
    fleet, graph = subject.fleet, subject.graph
    free = [service for service in fleet.services if not hard_dependencies(graph, service.name)]
    owner = {service.name: context.team for context in fleet.contexts for service in context.services}
    pairs = {(edge.source, edge.target) for edge in graph.edges}
    crossing = [pair for pair in pairs if owner[pair[0]] != owner[pair[1]]]
    text: Phrase = (
        subject.figure("services-that-wait-for-none", str(len(free))),
        " of ",
        subject.figure("services", str(len(fleet.services))),
        " services answer without calling another",
    )
    if pairs:
        text += (
            "; ",
            subject.figure("dependencies-across-teams", str(len(crossing))),
            " of ",
            subject.figure("dependencies", str(len(pairs))),
            " dependencies cross teams",
        )
    return Leaf(("Team Autonomy",), text)
