"""Bounded context canvases and aggregate canvases, as pages of tables."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.model.fleet import Aggregate, Command, Context
from fleetgen.report.architecture.domain import ROLES
from fleetgen.report.architecture.markdown import code, codes, page, plain, table
from fleetgen.report.architecture.subject import Subject

_HEAD = ("", "")


def context_canvases(subject: Subject) -> str:
    """One table a context."""
    parts = [
        part
        for context in subject.fleet.contexts
        for part in (f"## {plain(context.title)}", table(_HEAD, _context(subject, context)))
    ]
    return page("Bounded context canvases", *(parts or ["No context is written."]))


def _context(subject: Subject, context: Context) -> Iterator[tuple[str, str]]:
    team = subject.teams.get(context.team)
    yield "purpose", plain(context.purpose) or "none is written"
    yield "classification", context.subdomain
    yield "roles", ", ".join(_roles(subject, context)) or "none on the context map"
    yield "team", plain(team.title) if team else "none is written"
    commands = [command for aggregate in context.aggregates for command in aggregate.commands]
    queries = [query for aggregate in context.aggregates for query in aggregate.queries]
    heard = dict.fromkeys(
        event
        for service in context.services
        for event in (
            *(policy.event.name for policy in service.policies),
            *(event.name for copy in service.copies for event in copy.events),
            *(event.name for event in service.subscribes),
        )
    )
    yield "inbound commands", codes(command.name for command in commands) or "none"
    yield "inbound queries", codes(query.name for query in queries) or "none"
    yield "inbound events", codes(heard) or "none"
    yield "outbound events", codes(event.name for each in context.aggregates for event in each.events) or "none"
    yield "outbound calls", codes(_calls(subject, context)) or "none"
    yield "language", codes(_language(context)) or "none"
    rules = [invariant.text for aggregate in context.aggregates for invariant in aggregate.invariants]
    yield "business decisions", codes((*rules, *_conditions(commands))) or "none is written"


def _roles(subject: Subject, context: Context) -> Iterator[str]:
    for relation in subject.fleet.relations:
        for name, other, roles in (
            (relation.upstream, relation.downstream, relation.upstream_roles),
            (relation.downstream, relation.upstream, relation.downstream_roles),
        ):
            if name == context.name and roles:
                yield f"{' and '.join(ROLES.get(role, role) for role in roles)} for {code(other)}"


def _calls(subject: Subject, context: Context) -> Iterator[str]:
    own = {service.name for service in context.services}
    yield from dict.fromkeys(edge.message for edge in subject.graph.calls.edges if edge.source in own)
    yield from (external.name for external in subject.fleet.externals if own & set(external.used_by))


def _language(context: Context) -> Iterator[str]:
    for aggregate in context.aggregates:
        yield aggregate.name
        yield from (value.name for value in aggregate.values)


def _conditions(commands: list[Command]) -> Iterator[str]:
    for command in commands:
        if command.rejection and command.reject_when_text:
            yield f"{command.rejection.name}: {command.reject_when_text}"


# -- aggregates


def aggregate_canvases(subject: Subject) -> str:
    """Two tables an aggregate."""
    parts = [
        part
        for context in subject.fleet.contexts
        for aggregate in context.aggregates
        for part in (
            f"## {plain(aggregate.name)}",
            table(_HEAD, _aggregate(context, aggregate)),
            table(("command", "from", "to", "event", "or"), (_command(each) for each in aggregate.commands)),
        )
    ]
    return page("Aggregate canvases", *(parts or ["No aggregate is written."]))


def _aggregate(context: Context, aggregate: Aggregate) -> Iterator[tuple[str, str]]:
    yield "context", plain(context.title)
    yield "key", code(aggregate.key.name)
    yield "states", codes(aggregate.states) or "none is written"
    yield "invariants", codes(invariant.text for invariant in aggregate.invariants) or "none is written"
    yield "queries", codes(query.name for query in aggregate.queries) or "none"
    sensitive = [f"{field.name} ({field.sensitive})" for field in aggregate.fields if field.sensitive]
    yield "sensitive fields", codes(sensitive) or "none is written"


def _command(command: Command) -> tuple[str, ...]:
    rejection = command.rejection.name if command.rejection else ""
    return (
        code(command.name),
        codes(command.allowed_from) or "any",
        code(command.to) or "as before",
        code(command.emits.name),
        code(rejection) or "never",
    )
