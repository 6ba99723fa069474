"""The contracts of a fleet: every event and command, in the format of its platform, at its level of compatibility."""

from __future__ import annotations

from collections.abc import Mapping

from fleetgen.contracts import avro, protobuf
from fleetgen.contracts.contract import Contract, schema_text
from fleetgen.contracts.proto_file import ProtoFile, descriptor
from fleetgen.contracts.released import Released
from fleetgen.facts.schema import ProtobufFact
from fleetgen.facts.topics import message_type
from fleetgen.model.fleet import Aggregate, Command, Event, Field, Fleet, Value

COMMANDS_LEVEL = "FULL_TRANSITIVE"  # both sides of a command are released on their own


def contracts(fleet: Fleet, released: Released) -> tuple[Contract, ...]:
    """Those of all contexts, the ones that are not managed here included."""
    aggregates = fleet.aggregates.values()
    events = (contract(fleet, event, released) for aggregate in aggregates for event in aggregate.events)
    commands = (contract(fleet, command, released) for aggregate in aggregates for command in aggregate.commands)
    return (*events, *commands)


def contract(fleet: Fleet, message: Event | Command, released: Released) -> Contract:
    """The contract of one message."""
    kind = "events" if isinstance(message, Event) else "commands"
    type_ = message_type(fleet, message)
    aggregate = fleet.aggregates[message.aggregate]
    schema: dict[str, object] | ProtoFile = avro_of(fleet, message)
    if fleet.platform.format == "protobuf":
        earlier = released.protos(f"{kind}/{type_}")
        package = namespace(fleet, message)
        schema = protobuf.file(message.name, package, fields_of(message), values_by_name(aggregate), earlier)
    return Contract(
        kind="events" if isinstance(message, Event) else "commands",
        type=type_,
        schema=schema,
        level=level(fleet, message),
        message=message,
        values=aggregate.values,
    )


def level(fleet: Fleet, message: Event | Command) -> str:
    """The registry's word for what a new version must be able to do."""
    if isinstance(message, Command):
        return COMMANDS_LEVEL
    return fleet.platform.compatibility.upper().replace("-", "_")


def fields_of(message: Event | Command) -> tuple[Field, ...]:
    """What it carries."""
    return message.fields if isinstance(message, Event) else message.inputs


def namespace(fleet: Fleet, message: Event | Command) -> str:
    """Avro's namespace and Protobuf's package."""
    return avro.namespace(fleet.name, fleet.context_of[message.aggregate].name, message.version)


def avro_of(fleet: Fleet, message: Event | Command) -> dict[str, object]:
    """The Avro schema, whatever the platform's format is."""
    values = values_by_name(fleet.aggregates[message.aggregate])
    return avro.record(message.name, namespace(fleet, message), fields_of(message), values)


def protobuf_fact(found: Contract) -> ProtobufFact | None:
    """The message in Protobuf, where it travels so."""
    if not isinstance(found.schema, ProtoFile):
        return None
    schema = found.schema
    return ProtobufFact(message=schema.full_name, text=schema_text(schema), descriptor=descriptor(schema))


def values_by_name(aggregate: Aggregate) -> Mapping[str, Value]:
    """The value objects of an aggregate."""
    return {value.name: value for value in aggregate.values}
