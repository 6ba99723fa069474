"""Facts of messages: fields, values, events and commands with their schemas."""

from __future__ import annotations

from collections.abc import Iterable

from fleetgen.contracts.released import Released
from fleetgen.facts.contracts import avro_of, contract, protobuf_fact, values_by_name
from fleetgen.facts.examples import Examples
from fleetgen.facts.schema import ChangeFact, CommandFact, EventFact, FieldFact, TypeFact, ValueFact
from fleetgen.facts.topics import command_route, event_topic, message_type, name_fact, service_topic
from fleetgen.model.fleet import Command, Event, Field, Fleet
from fleetgen.model.types import Type


def type_fact(type_: Type) -> TypeFact:
    """A type, recursively."""
    return TypeFact(kind=type_.kind, value=type_.value, of=type_fact(type_.of) if type_.of else None)


def field_fact(field: Field) -> FieldFact:
    """A field."""
    return FieldFact(name=name_fact(field.name), type=type_fact(field.type), sensitive=field.sensitive)


def field_facts(fields: Iterable[Field]) -> tuple[FieldFact, ...]:
    """Fields in order."""
    return tuple(field_fact(field) for field in fields)


def event_fact(fleet: Fleet, event: Event, released: Released) -> EventFact:
    """An event, with the schema that travels."""
    aggregate = fleet.aggregates[event.aggregate]
    agreed = contract(fleet, event, released)
    return EventFact(
        name=name_fact(event.name),
        fields=field_facts(event.fields),
        type=message_type(fleet, event),
        topic=event_topic(fleet, aggregate),
        avro=avro_of(fleet, event),
        protobuf=protobuf_fact(agreed),
        compatibility=agreed.level,
        owner=fleet.service_of[event.name].name,
        aggregate=event.aggregate,
        key=event.key,
        subject=event.subject,
    )


def command_fact(fleet: Fleet, command: Command, examples: Examples, released: Released) -> CommandFact:
    """A command, with its effects, its route and an example."""
    aggregate = fleet.aggregates[command.aggregate]
    service = fleet.service_of[command.name]
    example = examples[command.name]
    agreed = contract(fleet, command, released)
    return CommandFact(
        name=name_fact(command.name),
        fields=field_facts(command.inputs),
        type=message_type(fleet, command),
        topic=service_topic(fleet, service, "commands"),
        avro=avro_of(fleet, command),
        protobuf=protobuf_fact(agreed),
        compatibility=agreed.level,
        aggregate=name_fact(aggregate.name),
        target=command.target,
        emits=name_fact(command.emits.name),
        rejection=name_fact(command.rejection.name) if command.rejection else None,
        reject_when=command.reject_when,
        reject_when_text=command.reject_when_text,
        allowed_from=command.allowed_from,
        to=command.to,
        rejected_to=command.rejected_to,
        sets=tuple(name_fact(name) for name in command.sets),
        changes=tuple(
            ChangeFact(field=name_fact(change.field), expression=change.expression, text=change.text)
            for change in command.changes
        ),
        exposure=command.exposure,
        scopes=command.scopes,
        route=command_route(aggregate, command),
        starts=next((saga.name for saga in fleet.sagas if saga.steps[0].command.name == command.name), ""),
        example=example.input,
        refused_example=example.refused,
        path=example.path,
    )


def value_facts(fleet: Fleet, aggregates: Iterable[str], fields: Iterable[FieldFact]) -> tuple[ValueFact, ...]:
    """The value objects that `fields` mention, those they contain first, each once."""
    known = {
        name: value for aggregate in aggregates for name, value in values_by_name(fleet.aggregates[aggregate]).items()
    }
    found: dict[str, ValueFact] = {}

    def visit(type_: TypeFact) -> None:
        if type_.of is not None:
            visit(type_.of)
        elif type_.value and type_.value not in found and type_.value in known:
            value = known[type_.value]
            inner = field_facts(value.fields)
            for field in inner:
                visit(field.type)
            found[type_.value] = ValueFact(name=name_fact(value.name), fields=inner)

    for field in fields:
        visit(field.type)
    return tuple(found.values())
