"""From the resolved fleet to the facts of one service and of the monorepo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Any

from fleetgen.analysis.waivers import Acceptance
from fleetgen.contracts.released import Released
from fleetgen.core import names
from fleetgen.facts.calls import call_facts, called_steps
from fleetgen.facts.contracts import values_by_name
from fleetgen.facts.decisions import decisions
from fleetgen.facts.examples import Examples
from fleetgen.facts.messages import (
    command_fact,
    event_fact,
    field_fact,
    field_facts,
    value_facts,
)
from fleetgen.facts.projections import context_is_kept_apart, copy_facts, looked_up, read_model_facts, translation_facts
from fleetgen.facts.sagas import binding_facts, heard_events, owner_of, saga_fact, source_fact
from fleetgen.facts.scenarios import Scenarios
from fleetgen.facts.schema import (
    FACTS_VERSION,
    AggregateFact,
    ChassisFact,
    CommandFact,
    EventFact,
    FleetFacts,
    InvariantFact,
    LimitsFact,
    MonorepoFacts,
    PeerFact,
    PolicyFact,
    QueryFact,
    ReplacementFact,
    SagaFact,
    ScheduleFact,
    ServiceFacts,
    ServiceSummary,
    SubscriptionFact,
    TopicFact,
    ValueFact,
)
from fleetgen.facts.topics import (
    REPLY_RETENTION,
    RETRY_LEVELS,
    collection,
    event_topic,
    name_fact,
    query_route,
    service_topic,
    topic_fact,
)
from fleetgen.model.fleet import Aggregate, Command, Event, Fleet, Policy, Query, Service

LEAST_CHASSIS = "1.0.0"
CHASSIS_LANGUAGES = {"python": "python", "go": "go", "java": "java", "node": "typescript", "erlang": "erlang"}


def fleet_facts(fleet: Fleet) -> FleetFacts:
    """What every project knows of the fleet."""
    return FleetFacts(name=names.kebab(fleet.name), organisation=fleet.organisation, title=fleet.domain)


def package_name(fleet: Fleet, service: Service) -> str:
    """`shop_order`: the fleet's name in front keeps it from hiding a library's module."""
    return f"{names.snake(fleet.name)}_{names.snake(service.name)}"


class FactsBuilder:
    """Builds the facts of one fleet; what several services share is found once."""

    def __init__(self, fleet: Fleet, released: Released | None = None) -> None:
        """Cheap: everything is found when it is asked for. `released` contracts remember Protobuf's numbers."""
        self._fleet = fleet
        self._released = released or Released()

    @cached_property
    def _examples(self) -> dict[str, Examples]:
        return {name: Examples(item, values_by_name(item)) for name, item in self._fleet.aggregates.items()}

    @cached_property
    def _sagas(self) -> dict[str, SagaFact]:
        scenarios = Scenarios(self._fleet, self._examples)
        return {saga.name: saga_fact(self._fleet, saga, scenarios.of(saga)) for saga in self._fleet.sagas}

    def service(self, service: Service) -> ServiceFacts:
        """All that templates and chassis know of `service`."""
        fleet = self._fleet
        context = fleet.context_of[service.name]
        sagas = tuple(self._sagas[saga.name] for saga in fleet.sagas_of.get(service.name, ()))
        commands = tuple(self._commands(service))
        read_models, copies = read_model_facts(fleet, service), copy_facts(fleet, service)
        own = tuple(
            event_fact(fleet, event, self._released) for aggregate in service.aggregates for event in aggregate.events
        )
        foreign = tuple(event_fact(fleet, event, self._released) for event in _foreign_events(fleet, service))
        sent = tuple(self._sent_commands(service))
        return ServiceFacts(
            facts=FACTS_VERSION,
            fleet=names.kebab(fleet.name),
            organisation=fleet.organisation,
            name=name_fact(service.name),
            package=package_name(fleet, service),
            title=service.title,
            purpose=service.purpose,
            context=context.name,
            subdomain=context.subdomain,
            team=context.team,
            stack=service.stack,
            chassis=ChassisFact(language=language(service.stack), least=LEAST_CHASSIS),
            source=f"/fleet/{names.kebab(fleet.name)}/{names.kebab(service.name)}",
            exposure=service.exposure,
            stores=dict(service.stores),
            api=service.api,
            values=_values(fleet, service, (*commands, *sent), (*own, *foreign)),
            aggregates=tuple(_aggregate_fact(fleet, aggregate, service) for aggregate in service.aggregates),
            commands=commands,
            queries=tuple(_query_fact(item, query) for item in service.aggregates for query in item.queries),
            events=own,
            foreign_events=foreign,
            foreign_commands=sent,
            policies=tuple(_policy_fact(policy) for policy in service.policies),
            read_models=read_models,
            copies=copies,
            translations=translation_facts(fleet, service),
            kept_apart=tuple(
                name for name in _foreign(foreign, sent, service) if context_is_kept_apart(fleet, service, name)
            ),
            observes=tuple(name_fact(event.name) for event in service.subscribes),
            schedules=tuple(ScheduleFact(command=name_fact(s.command.name), cron=s.cron) for s in service.schedules),
            subscriptions=_subscriptions(fleet, service, sagas),
            topics=_topics(fleet, service, sagas),
            recovery_topics=_recovery_topics(fleet, service, sagas),
            command_topic=service_topic(fleet, service, "commands"),
            reply_topic=service_topic(fleet, service, "replies"),
            sagas=sagas,
            peers=_peers(fleet, service),
            calls=call_facts(fleet, service),
            limits=_limits(fleet),
            sampling=service.tracing_sampling,
            redact=fleet.platform.redact,
            replacements=_replacements(service),
        )

    def monorepo(self, accepted: Iterable[Acceptance] = (), own: Collection[str] = ()) -> MonorepoFacts:
        """What the root project and the blueprints know.

        `accepted` are the findings that the specification waives, `own` the stacks with templates of the fleet's own.
        """
        fleet = self._fleet
        sagas = tuple(self._sagas.values())
        stacks = {service.stack for service in fleet.services}
        topics = {topic.name: topic for service in fleet.services for topic in _all_topics(fleet, service, sagas)}
        return MonorepoFacts(
            facts=FACTS_VERSION,
            fleet=names.kebab(fleet.name),
            organisation=fleet.organisation,
            title=fleet.domain,
            vision=fleet.vision,
            languages=tuple(sorted({language(stack) for stack in stacks if stack not in own})),
            services=tuple(_summary(fleet, service) for service in fleet.services),
            topics=tuple(topics[name] for name in sorted(topics)),
            sagas=sagas,
            teams=tuple(_team(fleet, team.name) for team in fleet.teams),
            platform={"replicas": fleet.platform.replicas, "sampling": fleet.platform.sampling},
            decisions=decisions(accepted),
            own_stacks=tuple(sorted(stacks & set(own))),
        )

    def _commands(self, service: Service) -> Iterator[CommandFact]:
        for aggregate in service.aggregates:
            for command in aggregate.commands:
                fact = command_fact(self._fleet, command, self._examples[aggregate.name], self._released)
                yield fact.model_copy(update={"looks_up": looked_up(service, aggregate, command)})

    def _sent_commands(self, service: Service) -> Iterator[CommandFact]:
        """Commands of other services that the sagas conducted here send."""
        for command in _conducted(self._fleet, service):
            if self._fleet.service_of[command.name] is not service:
                yield command_fact(self._fleet, command, self._examples[command.aggregate], self._released)


def _foreign(events: tuple[EventFact, ...], commands: tuple[CommandFact, ...], service: Service) -> list[str]:
    return sorted({message.name.text for message in (*events, *commands)} | {each.name for each in service.calls})


def service_facts(fleet: Fleet, service: Service) -> ServiceFacts:
    """The facts of one service alone."""
    return FactsBuilder(fleet).service(service)


def monorepo_facts(fleet: Fleet) -> MonorepoFacts:
    """The facts of the monorepo alone, without what a lint found."""
    return FactsBuilder(fleet).monorepo()


def language(stack: str) -> str:
    """The language of a stack; a user's own template is its own language."""
    return CHASSIS_LANGUAGES.get(stack, stack)


def _conducted(fleet: Fleet, service: Service) -> tuple[Command, ...]:
    """Commands and undos of the orchestrated sagas that `service` owns, by name."""
    found = {
        command.name: command
        for saga in fleet.sagas
        if saga.mode == "orchestration" and owner_of(fleet, saga) is service
        for step in saga.steps
        for command in (step.command, step.undo)
        if command is not None
    }
    return tuple(found[name] for name in sorted(found))


def _team(fleet: Fleet, name: str) -> dict[str, Any]:
    team = next(team for team in fleet.teams if team.name == name)
    owned = [service.name for context in fleet.contexts if context.team == name for service in context.services]
    return {"name": name, "title": team.title, "developers": team.developers, "services": owned}


def _summary(fleet: Fleet, service: Service) -> ServiceSummary:
    context = fleet.context_of[service.name]
    return ServiceSummary(
        name=name_fact(service.name),
        title=service.title,
        purpose=service.purpose,
        context=context.name,
        subdomain=context.subdomain,
        team=context.team,
        stack=service.stack,
        exposure=service.exposure,
        package=package_name(fleet, service),
        stores=dict(service.stores),
        peers=tuple(peer.name.kebab for peer in _peers(fleet, service)),
        replacements=_replacements(service),
    )


def _replacements(service: Service) -> tuple[ReplacementFact, ...]:
    return tuple(ReplacementFact(what=what, asked=asked, given=given) for what, asked, given in service.replacements)


def _foreign_events(fleet: Fleet, service: Service) -> tuple[Event, ...]:
    """Events of others that this service reads, by name."""
    heard = {event.name: event for event in _handled_events(fleet, service)}
    answers = ((command.emits, command.rejection) for command in _conducted(fleet, service))
    replies = {event.name: event for pair in answers for event in pair if event is not None}
    asked = ((each.emits, each.rejection) for each in service.calls if isinstance(each, Command))
    replies |= {event.name: event for pair in asked for event in pair if event is not None}
    read = heard | replies
    return tuple(read[name] for name in sorted(read) if fleet.service_of[name] is not service)


def _handled_events(fleet: Fleet, service: Service) -> Iterator[Event]:
    """Events that come over the bus, own ones included where a policy, a read model or a saga reacts to them."""
    for policy in service.policies:
        yield policy.event
    yield from service.subscribes
    for copy in service.copies:
        yield from copy.events
    for aggregate in service.aggregates:
        for model in aggregate.read_models:
            yield from model.events
    yield from heard_events(fleet, service)


def _subscriptions(fleet: Fleet, service: Service, sagas: tuple[SagaFact, ...]) -> tuple[SubscriptionFact, ...]:
    by_topic: dict[str, list[str]] = {}
    for event in _handled_events(fleet, service):
        topic = event_topic(fleet, fleet.aggregates[event.aggregate])
        by_topic.setdefault(topic, [])
        if event.name not in by_topic[topic]:
            by_topic[topic].append(event.name)
    for topic in _control_topics(fleet, service, sagas):
        by_topic.setdefault(topic, [])
    by_saga = {event_topic(fleet, fleet.aggregates[event.aggregate]) for event in heard_events(fleet, service)}
    # A row is built from the events of its aggregate one after the other: a late one would be passed over.
    projected = {event_topic(fleet, fleet.aggregates[event.aggregate]) for event in _projected_events(service)}
    free = {event.name for event in service.unordered}
    return tuple(
        SubscriptionFact(
            topic=topic,
            ordered=topic in by_saga | projected or not by_topic[topic] or not free.issuperset(by_topic[topic]),
            events=tuple(sorted(by_topic[topic])),
        )
        for topic in sorted(by_topic)
    )


def _projected_events(service: Service) -> Iterator[Event]:
    """The events that copies and read models are built from."""
    for copy in service.copies:
        yield from copy.events
    for aggregate in service.aggregates:
        for model in aggregate.read_models:
            yield from model.events


def _control_topics(fleet: Fleet, service: Service, sagas: tuple[SagaFact, ...]) -> Iterator[str]:
    """Topics of commands, replies and notices that this service must read."""
    me = names.kebab(service.name)
    for saga in sagas:
        if saga.mode == "choreography":
            yield saga.fulfilment_topic
        elif saga.owner == me:
            yield service_topic(fleet, service, "replies")
        if saga.mode == "orchestration" and any(step.service == me for step in saga.steps):
            yield service_topic(fleet, service, "commands")


def _topics(fleet: Fleet, service: Service, sagas: tuple[SagaFact, ...]) -> tuple[TopicFact, ...]:
    """Topics that this service owns: its events, and the control topics it is the home of."""
    own = [topic_fact(fleet, event_topic(fleet, aggregate)) for aggregate in service.aggregates]
    home = {service_topic(fleet, service, what) for what in ("commands", "replies", "fulfilment")}
    read = {topic for topic in _control_topics(fleet, service, sagas) if topic in home}
    said = {saga.fulfilment_topic for saga in sagas} & home  # for people, where no service reads it
    return (*own, *(topic_fact(fleet, topic, REPLY_RETENTION) for topic in sorted(read | said)))


def _recovery_topics(fleet: Fleet, service: Service, sagas: tuple[SagaFact, ...]) -> tuple[TopicFact, ...]:
    """Where records go that this service could not handle: of one partition, so that the first to come is due first."""
    group = f"{names.kebab(fleet.name)}.{names.kebab(service.name)}"
    found: list[TopicFact] = []
    for subscription in _subscriptions(fleet, service, sagas):
        levels = range(1 if subscription.ordered else RETRY_LEVELS + 1)
        base = f"{subscription.topic}.{group}"
        found += [_one_partition(fleet, f"{base}.retry.{level}", fleet.platform.retention) for level in levels]
        found.append(_one_partition(fleet, f"{base}.dlq", fleet.platform.dead_letter_retention))
    return tuple(found)


def _one_partition(fleet: Fleet, name: str, retention: float) -> TopicFact:
    return topic_fact(fleet, name, retention).model_copy(update={"partitions": 1})


def _all_topics(fleet: Fleet, service: Service, sagas: tuple[SagaFact, ...]) -> tuple[TopicFact, ...]:
    joined = {saga.name for saga in fleet.sagas_of.get(service.name, ())}
    mine = tuple(saga for saga in sagas if saga.name.text in joined)
    return (*_topics(fleet, service, sagas), *_recovery_topics(fleet, service, mine))


def _aggregate_fact(fleet: Fleet, aggregate: Aggregate, service: Service) -> AggregateFact:
    return AggregateFact(
        name=name_fact(aggregate.name),
        kind=aggregate.kind,
        table=collection(aggregate).replace("-", "_"),
        collection=collection(aggregate),
        key=field_fact(aggregate.key),
        key_generated=aggregate.key_generated,
        fields=field_facts(aggregate.fields),
        states=aggregate.states,
        partition_by=aggregate.partition_by,
        topic=event_topic(fleet, aggregate),
        snapshot_every=aggregate.snapshot_every,
        invariants=tuple(InvariantFact(text=i.text, expression=i.expression) for i in aggregate.invariants),
        commands=tuple(command.name for command in aggregate.commands),
        queries=tuple(query.name for query in aggregate.queries),
        indexes=indexes(aggregate, service.policies),
    )


def indexes(aggregate: Aggregate, policies: tuple[Policy, ...]) -> tuple[tuple[str, ...], ...]:
    """One a field that a search filters or a policy looks up; each ends in the key, which pages are sorted by."""
    searched = [field.name for query in aggregate.queries if query.kind == "search" for field in query.takes]
    found = [policy.found_by for policy in policies if policy.found_by and policy.command.aggregate == aggregate.name]
    fields = [name for name in dict.fromkeys((*found, *searched)) if name != aggregate.key.name]
    return tuple((names.snake(name), names.snake(aggregate.key.name)) for name in fields)


def _query_fact(aggregate: Aggregate, query: Query) -> QueryFact:
    return QueryFact(
        name=name_fact(query.name),
        aggregate=name_fact(aggregate.name),
        kind=query.kind,
        takes=field_facts(query.takes),
        gives=field_facts(query.gives),
        exposure=query.exposure,
        scopes=query.scopes,
        route=query_route(aggregate, query),
    )


def _policy_fact(policy: Policy) -> PolicyFact:
    return PolicyFact(
        name=name_fact(f"{policy.command.name}When{policy.event.name}"),
        event=name_fact(policy.event.name),
        command=name_fact(policy.command.name),
        bindings=binding_facts(policy.bindings),
        for_each=source_fact(policy.for_each) if policy.for_each else None,
        found_by=policy.found_by,
        found_value=source_fact(policy.found_value) if policy.found_value else None,
    )


def _peers(fleet: Fleet, service: Service) -> tuple[PeerFact, ...]:
    called = [*called_steps(fleet, service), *service.calls]
    names = sorted({fleet.service_of[each.name].name for each in called})
    return tuple(_peer(name, [each for each in called if fleet.service_of[each.name].name == name]) for name in names)


def _peer(name: str, called: list[Command | Query]) -> PeerFact:
    return PeerFact(
        name=name_fact(name),
        commands=tuple(dict.fromkeys(each.name for each in called if isinstance(each, Command))),
        queries=tuple(each.name for each in called if isinstance(each, Query)),
    )


def _limits(fleet: Fleet) -> LimitsFact:
    platform = fleet.platform
    return LimitsFact(
        breaker_failures=platform.breaker_failures,
        breaker_open=platform.breaker_open,
        timeout_internal=platform.timeout_internal,
        timeout_external=platform.timeout_external,
        retry_attempts=platform.retry_attempts,
        bulkhead_concurrent=platform.bulkhead_concurrent,
        bulkhead_queued=platform.bulkhead_queued,
        rate_limit_per_minute=platform.rate_limit_per_minute,
        dead_letter_attempts=platform.dead_letter_attempts,
        dead_letter_retention=platform.dead_letter_retention,
        on_dead_letter=platform.on_dead_letter,
    )


def _values(
    fleet: Fleet, service: Service, commands: tuple[CommandFact, ...], events: tuple[EventFact, ...]
) -> tuple[ValueFact, ...]:
    """Value objects of all messages and aggregates the service knows."""
    state = [field_fact(field) for aggregate in service.aggregates for field in aggregate.fields]
    fields = [*state, *(field for message in (*commands, *events) for field in message.fields)]
    aggregates = [aggregate.name for aggregate in service.aggregates]
    aggregates += [command.aggregate.text for command in commands] + [event.aggregate for event in events]
    return value_facts(fleet, dict.fromkeys(aggregates), fields)
