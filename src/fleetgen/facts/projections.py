"""Facts of what follows events: read models and copies, and the translators that stand before them."""

from __future__ import annotations

from fleetgen.core import names
from fleetgen.facts.calls import called_steps
from fleetgen.facts.contracts import values_by_name
from fleetgen.facts.messages import field_facts
from fleetgen.facts.schema import Name, ProjectionFact, ProjectionSourceFact, TranslationFact
from fleetgen.facts.topics import event_topic, name_fact, read_model_route
from fleetgen.model.fleet import Aggregate, Command, Copy, Event, Fleet, ReadModel, Service
from fleetgen.model.projections import creates, row_fields, state_after
from fleetgen.model.types import Type


def read_model_facts(fleet: Fleet, service: Service) -> tuple[ProjectionFact, ...]:
    """The read models of all aggregates of a service."""
    models = (model for aggregate in service.aggregates for model in aggregate.read_models)
    return tuple(_read_model(fleet, model) for model in models)


def copy_facts(fleet: Fleet, service: Service) -> tuple[ProjectionFact, ...]:
    """The copies that a service keeps of others' data."""
    return tuple(_projection(fleet, copy, name_fact(f"{names.pascal(copy.name)}Row")) for copy in service.copies)


def looked_up(service: Service, aggregate: Aggregate, command: Command) -> tuple[Name, ...]:
    """The copies whose key the command's input holds, at any depth."""
    values = values_by_name(aggregate)
    held: set[str] = set()

    def gather(name: str, type_: Type) -> None:
        held.add(name)
        for value in type_.value_names:
            for field in values[value].fields if value in values else ():
                if field.name not in held:
                    gather(field.name, field.type)

    for field in command.inputs:
        gather(field.name, field.type)
    return tuple(name_fact(copy.name) for copy in service.copies if copy.key in held)


def translation_facts(fleet: Fleet, service: Service) -> tuple[TranslationFact, ...]:
    """The events that reach the service over an edge with an anti-corruption layer, by name: over the bus, or as the
    answer of a saga's `call`.
    """
    used = {policy.event.name: policy.event for policy in service.policies}
    used |= {event.name: event for copy in service.copies for event in copy.events}
    answers = ((command.emits, command.rejection) for command in called_steps(fleet, service))
    used |= {event.name: event for pair in answers for event in pair if event is not None}
    observed = {event.name: event for event in service.subscribes}
    read = used | observed
    return tuple(
        TranslationFact(
            event=name_fact(name),
            upstream=fleet.context_of[name].name,
            observed=name in observed,
            used=name in used,
        )
        for name in sorted(read)
        if context_is_kept_apart(fleet, service, name)
    )


def context_is_kept_apart(fleet: Fleet, service: Service, message: str) -> bool:
    """Whether the service's context protects itself (ACL) against the context that a message comes from."""
    me, other = fleet.context_of[service.name].name, fleet.context_of[message].name
    return any(
        relation.downstream == me and relation.upstream == other and "ACL" in relation.downstream_roles
        for relation in fleet.relations
    )


def _read_model(fleet: Fleet, model: ReadModel) -> ProjectionFact:
    plain = _projection(fleet, model, name_fact(f"{model.name}Row"))
    shown = {"route": read_model_route(model), "exposure": model.exposure, "scopes": model.scopes}
    return plain.model_copy(update={**shown, "stale_at_most": model.stale_at_most})


def _projection(fleet: Fleet, of: ReadModel | Copy, row: Name) -> ProjectionFact:
    sources = tuple(_source(fleet, event) for event in of.events)
    fields = field_facts(row_fields(of, any(source.state for source in sources)))
    kind = "read-model" if isinstance(of, ReadModel) else "copy"
    return ProjectionFact(
        name=name_fact(of.name),
        kind=kind,
        row=row,
        table=f"{names.kebab(of.name).replace('-', '_')}_{'model' if isinstance(of, ReadModel) else 'copy'}",
        key=fields[0],
        fields=fields,
        sources=sources,
        topics=tuple(sorted({event_topic(fleet, fleet.aggregates[event.aggregate]) for event in of.events})),
        owners=tuple(sorted({fleet.service_of[event.name].name for event in of.events})),
        stale_at_most=None,
    )


def _source(fleet: Fleet, event: Event) -> ProjectionSourceFact:
    aggregates = (fleet.aggregates[event.aggregate],)
    return ProjectionSourceFact(
        event=name_fact(event.name),
        aggregate=event.aggregate,
        subject=event.subject,
        state=state_after(aggregates, event),
        creates=creates(aggregates, event),
    )
