"""Contexts and services, in two passes: what each owns, then what each does with the others' events."""

from __future__ import annotations

from dataclasses import dataclass

from fleetgen.model.fleet import Aggregate, Command, Context, Event, Query, Service
from fleetgen.spec.codes import Code
from fleetgen.spec.node import Mapping, Node, Scalar
from fleetgen.spec.resolve.aggregates import read_aggregate
from fleetgen.spec.resolve.emitted import Owner
from fleetgen.spec.resolve.platform import read_load, read_slo, title_of
from fleetgen.spec.resolve.policies import read_policies, read_schedules
from fleetgen.spec.resolve.projections import read_copies, with_read_models
from fleetgen.spec.resolve.reader import Reader, entries, scalars
from fleetgen.spec.resolve.session import Session
from fleetgen.spec.table.aggregate import AGGREGATE
from fleetgen.spec.table.context import CONTEXT, SERVICE

_EXTRA = ("scaling", "libraries", "encryption", "regions", "reports", "models", "screening", "privacy")


@dataclass
class Draft:
    """A service between the passes."""

    name: Scalar
    reader: Reader
    context: Reader  # of the context, whose words hold where the service says nothing
    aggregates: list[Aggregate]

    def text(self, key: str) -> str:
        """The service's word, or the context's, or the table's default."""
        return self.reader.word(key) if self.reader.has(key) else self.context.word(key)

    def words(self, key: str) -> tuple[str, ...]:
        """The service's words, or the context's."""
        return self.reader.words(key) or self.context.words(key)


def drafts(name: Scalar, node: Node, session: Session) -> list[Draft]:
    """The services of one context: itself, or those it lists."""
    context = Reader(CONTEXT, node)
    listed = list(entries(context.get("services")))
    if not listed:
        return [Draft(name, context, context, [])]
    for key in ("aggregates", "dropped", "policies", "schedules", "copies", "calls", "subscribes", "unordered"):
        if context.has(key):
            session.problems.add(
                Code.CONFLICTING_KEYS,
                f"`{name.text}` lists its services, so `{key}` belongs to one of them",
                context.span(key, name.span),
                f"move `{key}` under `services: {{{listed[0][0].text}: …}}`",
            )
    return [Draft(service, Reader(SERVICE, body), context, []) for service, body in listed]


def read_aggregates(draft: Draft, session: Session) -> None:
    """The first pass: everything a service owns is known afterwards."""
    scheduled = frozenset(key.text for key, _ in entries(draft.reader.get("schedules")))
    owner = Owner(draft.name.text, draft.text("exposure"), scheduled)  # type: ignore[arg-type]
    found: list[tuple[Aggregate, Reader]] = []
    for name, node in entries(draft.reader.get("aggregates")):
        reader = Reader(AGGREGATE, node)
        aggregate = read_aggregate(name, reader, owner, session)
        found.append((aggregate, reader))
        _own(draft.name.text, aggregate, session)
    own = {event.name: event for aggregate, _ in found for event in aggregate.events}
    draft.aggregates = [with_read_models(aggregate, reader, own, owner, session) for aggregate, reader in found]
    for aggregate in draft.aggregates:
        if session.service_of.get(aggregate.name) == draft.name.text:
            session.aggregates[aggregate.name] = aggregate


def _own(service: str, aggregate: Aggregate, session: Session) -> None:
    session.aggregates.setdefault(aggregate.name, aggregate)
    session.service_of.setdefault(aggregate.name, service)
    for query in aggregate.queries:
        session.queries.setdefault(query.name, query)
        session.service_of.setdefault(query.name, service)
    for command in aggregate.commands:
        session.commands.setdefault(command.name, command)
        session.service_of.setdefault(command.name, service)
    for event in aggregate.events:
        session.events.setdefault(event.name, event)
        session.service_of.setdefault(event.name, service)


def read_service(draft: Draft, sampling: float, session: Session) -> Service:
    """The second pass: policies and the like, over events of the whole fleet."""
    reader, context = draft.reader, draft.context
    own = {command.name: command for aggregate in draft.aggregates for command in aggregate.commands}
    patterns = draft.words("patterns")
    return Service(
        name=draft.name.text,
        span=draft.name.span,
        waive=reader.waive() if reader is not context else {},
        stack=draft.text("stack"),
        title=reader.text("title", "") or title_of(draft.name.text),
        purpose=reader.text("purpose", "") or context.text("purpose"),
        stores=_stores(draft),
        store_names=_store_names(draft),
        api=draft.words("api") or ("rest",),
        aggregates=tuple(draft.aggregates),
        dropped=_dropped(draft, session),
        policies=read_policies(reader.get("policies"), session),
        schedules=read_schedules(reader.get("schedules"), own, session),
        copies=read_copies(reader, session),
        calls=_called(draft, session),
        subscribes=_events(reader, "subscribes", session),
        unordered=_events(reader, "unordered", session),
        exposure=draft.text("exposure"),  # type: ignore[arg-type]
        sourced="event-sourcing" in patterns,
        cqrs="cqrs" in patterns,
        tracing_sampling=_sampling(draft, sampling),
        slo=read_slo(reader) or read_slo(context),
        load=read_load(reader) or read_load(context),
        replacements=_replacements(draft),
    )


def _dropped(draft: Draft, session: Session) -> tuple[str, ...]:
    there = {aggregate.name for aggregate in draft.aggregates}
    for name in scalars(draft.reader.get("dropped")):
        if name.text in there:
            said = f"`{name.text}` is an aggregate, so its table is not dropped"
            session.problems.add(Code.CONFLICTING_KEYS, said, name.span, "remove it here, or from `aggregates`")
    return draft.reader.words("dropped")


def _stores(draft: Draft) -> dict[str, str]:
    node = draft.reader.get("stores") or draft.context.get("stores")
    found: dict[str, str] = {}
    for role, store in entries(node):
        kind = store.get("kind") if isinstance(store, Mapping) else store
        if isinstance(kind, Scalar):
            found[role.text] = kind.text
    return found or {"primary": "postgresql"}


def _replacements(draft: Draft) -> tuple[tuple[str, str, str], ...]:
    """What was asked for before a stack was put in its place, and what is there now."""
    asked = draft.reader.child("asked")
    stores, apis, patterns = _stores(draft), draft.words("api") or ("rest",), draft.words("patterns")
    found: list[tuple[str, str, str]] = []
    if asked.has("stack") and asked.text("stack") != draft.text("stack"):
        found.append(("stack", asked.text("stack"), draft.text("stack")))
    for role, kind in entries(asked.get("stores")):
        if isinstance(kind, Scalar) and stores.get(role.text) != kind.text:
            found.append((f"{role.text} store", kind.text, stores.get(role.text, next(iter(stores.values())))))
    found += [("api", each, apis[0]) for each in asked.words("api") if each not in apis]
    found += [("pattern", each, "stored state") for each in asked.words("patterns") if each not in patterns]
    return tuple(found)


def _store_names(draft: Draft) -> dict[str, str]:
    """Role -> name, of the databases that exist already."""
    found: dict[str, str] = {}
    for role, store in entries(draft.reader.get("stores") or draft.context.get("stores")):
        name = store.get("name") if isinstance(store, Mapping) else None
        if isinstance(name, Scalar):
            found[role.text] = name.text
    return found


def _sampling(draft: Draft, otherwise: float) -> float:
    for reader in (draft.reader, draft.context):
        written = reader.child("tracing")
        if written.has("sampling") and isinstance(written.value("sampling"), float):
            return written.number("sampling")
    return otherwise


def _called(draft: Draft, session: Session) -> tuple[Command | Query, ...]:
    found: dict[str, Command | Query] = {}
    known: dict[str, Command | Query] = {**session.queries, **session.commands}
    for each in scalars(draft.reader.get("calls")):
        if not session.refer("command or query", each, known):
            continue
        if session.service_of[each.text] == draft.name.text:
            said = f"`{each.text}` is `{draft.name.text}`'s own, which needs no call"
            session.problems.add(Code.CONFLICTING_KEYS, said, each.span, "leave it out")
        else:
            found[each.text] = known[each.text]
    return tuple(found.values())


def _events(reader: Reader, key: str, session: Session) -> tuple[Event, ...]:
    return tuple(event for each in scalars(reader.get(key)) if (event := session.event(each)))


def read_context(name: Scalar, node: Node, services: tuple[Service, ...], session: Session) -> Context:
    """A context with its services."""
    reader = Reader(CONTEXT, node)
    regions = reader.child("regions")
    _references(reader, services, session)
    return Context(
        name=name.text,
        span=name.span,
        waive=reader.waive(),
        title=reader.text("title", "") or title_of(name.text),
        subdomain=reader.word("subdomain"),  # type: ignore[arg-type]
        purpose=reader.text("purpose"),
        team=reader.text("team"),
        services=services,
        consistency=reader.word("consistency"),  # type: ignore[arg-type]
        buy=reader.word("buy"),
        managed=bool(reader.value("managed")),
        compliance=reader.plain("compliance"),
        audit=reader.word("audit"),
        regions=regions.whole("count"),
        active_active=regions.word("mode") == "active-active",
        renamed_from=reader.text("renamed-from"),
        extra={key: reader.plain(key) for key in _EXTRA if reader.has(key)},
    )


def _references(reader: Reader, services: tuple[Service, ...], session: Session) -> None:
    own = {command.name for service in services for aggregate in service.aggregates for command in aggregate.commands}
    for _, model in entries(reader.get("models")):
        scores = model.get("scores") if isinstance(model, Mapping) else None
        if isinstance(scores, Scalar):
            session.refer("command of this context", scores, own)
    before = reader.child("screening").scalar("before")
    if before is not None:
        session.refer("command", before, session.commands)
