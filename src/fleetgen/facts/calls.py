"""Facts of what a service asks of others and waits for."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.facts.messages import field_facts
from fleetgen.facts.sagas import owner_of
from fleetgen.facts.schema import CallFact
from fleetgen.facts.topics import command_route, name_fact, query_route
from fleetgen.model.fleet import Command, Fleet, Query, Service


def called_steps(fleet: Fleet, service: Service) -> Iterator[Command]:
    """The commands of the `call` steps of sagas that the service owns."""
    for saga in fleet.sagas:
        if owner_of(fleet, saga) is service:
            yield from (step.command for step in saga.steps if step.call)


def call_facts(fleet: Fleet, service: Service) -> tuple[CallFact, ...]:
    """The calls that the service's own code makes, as it names them."""
    return tuple(_call(fleet, asked) for asked in service.calls)


def _call(fleet: Fleet, asked: Command | Query) -> CallFact:
    aggregate = fleet.aggregates[asked.aggregate]
    peer = name_fact(fleet.service_of[asked.name].name)
    if isinstance(asked, Query):
        return CallFact(
            name=name_fact(asked.name),
            peer=peer,
            kind=asked.kind,
            takes=field_facts(asked.takes),
            answers=(f"{asked.name}Result",),
            gives=field_facts(asked.gives),
            route=query_route(aggregate, asked),
            scopes=asked.scopes,
        )
    outcomes = (asked.emits, asked.rejection) if asked.rejection else (asked.emits,)
    return CallFact(
        name=name_fact(asked.name),
        peer=peer,
        kind="command",
        takes=field_facts(asked.inputs),
        answers=tuple(event.name for event in outcomes),
        gives=(),
        route=command_route(aggregate, asked),
        scopes=asked.scopes,
    )
