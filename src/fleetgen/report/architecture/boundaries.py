"""DD-02: what each service is for, what it owns, where transactions end, and what a failure reaches."""

from __future__ import annotations

from collections.abc import Mapping

from fleetgen.analysis.availability import hard_dependencies, serial, target_of
from fleetgen.analysis.figures import duration, number, percent
from fleetgen.analysis.graph import Graph
from fleetgen.model.fleet import Aggregate, Context, External, Fleet, Load, Saga, Service
from fleetgen.report.architecture.tree import Line, Section


def service_boundaries(fleet: Fleet, graph: Graph) -> Section:
    """The section."""
    return Section(
        "DD-02",
        "Service Boundary Definition",
        (
            Line("Business Capabilities", children=tuple(_capability(service) for service in fleet.services)),
            Line("Data Ownership", children=tuple(_data(service) for service in fleet.services)),
            _transactions(fleet),
            _isolation(fleet, graph),
            _scaling(fleet),
            _autonomy(fleet, graph),
        ),
    )


def _capability(service: Service) -> Line:
    commands = [command.name for aggregate in service.aggregates for command in aggregate.commands]
    queries = [query.name for aggregate in service.aggregates for query in aggregate.queries]
    events = [event.name for event in service.subscribes]
    said = [", ".join(names) for names in (commands, queries) if names]
    said += [f"sees {', '.join(events)}"] if events else []
    return Line(service.name, "; ".join(said) or "nothing yet")


def _data(service: Service) -> Line:
    kept = [_aggregate(service, aggregate) for aggregate in service.aggregates]
    kept += [f"{copy.name} (read-only copy)" for copy in service.copies]
    stores = ", ".join(f"{kind} ({role})" for role, kind in service.stores.items()) or "no store"
    return Line(service.name, f"{', '.join(kept) or 'no aggregate'} - {stores}")


def _aggregate(service: Service, aggregate: Aggregate) -> str:
    ledger, sourced = aggregate.kind == "double-entry", service.sourced
    how = [word for word, true in (("ledger", ledger), ("event-sourced", sourced)) if true]
    return aggregate.name + (f" ({', '.join(how)})" if how else "")


def _transactions(fleet: Fleet) -> Line:
    text = "one aggregate a command" + ("" if fleet.sagas else "; nothing spans services")
    return Line("Transaction Boundaries", text, tuple(_saga(saga) for saga in fleet.sagas))


def _saga(saga: Saga) -> Line:
    steps = []
    for step in saga.steps:
        notes = [note for note, true in (("pivot", step.kind == "pivot"), ("call", step.call)) if true]
        notes += [f"undone by {step.undo.name}"] if step.undo else []
        steps.append(step.name + (f" ({', '.join(notes)})" if notes else ""))
    limit = f", {duration(saga.timeout)} at most" if saga.timeout is not None else ""
    return Line(saga.name, f"{saga.mode}{limit}: {' -> '.join(steps)}")


def _isolation(fleet: Fleet, graph: Graph) -> Line:
    platform = fleet.platform
    text = (
        f"circuit breaker opens for {duration(platform.breaker_open)} after {platform.breaker_failures} failures, "
        f"bulkhead of {platform.bulkhead_concurrent} calls with {platform.bulkhead_queued} waiting, timeouts "
        f"{duration(platform.timeout_internal)} inside and {duration(platform.timeout_external)} outside"
    )
    needing = [(service, hard_dependencies(graph, service.name)) for service in fleet.services]
    lines = [_needs(fleet, service, needed) for service, needed in needing if needed]
    lines = lines or [Line("no service waits for another: what crosses is a message")]
    return Line("Failure Isolation", text, (*lines, *(_outside(external) for external in fleet.externals)))


def _outside(external: External) -> Line:
    users = ", ".join(external.used_by) or "no service"
    return Line(external.name, f"outside, called by {users}, {duration(external.timeout)} at most")


def _needs(fleet: Fleet, service: Service, needed: tuple[str, ...]) -> Line:
    services = {other.name: other for context in fleet.contexts for other in context.services}
    targets = [target_of(fleet, other) for other in (service, *(services[name] for name in needed))]
    known = [target for target in targets if target is not None]
    text = f"waits for {', '.join(needed)}"
    if len(known) == len(targets):
        text += f"; at their targets together {percent(serial(known[0], known[1:]))} of {percent(known[0])}"
    return Line(service.name, text)


def _scaling(fleet: Fleet) -> Line:
    lines = [Line(service.name, said) for service in fleet.services if (said := _load(service.load))]
    lines += [_grows(context) for context in fleet.contexts if context.managed and context.extra.get("scaling")]
    whole = _load(fleet.load)
    text = f"{whole} for the whole" if whole else "no load is written" if not lines else ""
    return Line("Scaling Requirements", text, tuple(lines))


def _grows(context: Context) -> Line:
    wanted: Mapping[str, object] = context.extra["scaling"]
    said = (f"{key.replace('-', ' ')}: {_plain(value)}" for key, value in wanted.items())
    return Line(context.name, "; ".join(said))


def _plain(value: object) -> str:
    return ", ".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)


def _load(load: Load | None) -> str:
    if load is None:
        return ""
    parts = [f"{number(load.peak, 6)} requests a second at the peak"] if load.peak is not None else []
    parts += [f"messages of {load.message} bytes"] if load.message is not None else []
    parts += [f"{load.users} users"] if load.users is not None else []
    return ", ".join(parts)


def _autonomy(fleet: Fleet, graph: Graph) -> Line:
    free = [service for service in fleet.services if not hard_dependencies(graph, service.name)]
    owner = {service.name: context.team for context in fleet.contexts for service in context.services}
    pairs = {(edge.source, edge.target) for edge in graph.edges}
    crossing = [pair for pair in pairs if owner[pair[0]] != owner[pair[1]]]
    text = f"{len(free)} of {len(fleet.services)} services answer without calling another"
    if pairs:
        text += f"; {len(crossing)} of {len(pairs)} dependencies cross teams"
    return Line("Team Autonomy", text)
