"""Facts of sagas, and what a service must hear to play its part in them."""

from __future__ import annotations

from collections.abc import Iterator

from fleetgen.core import names
from fleetgen.facts.schema import BindingFact, SagaFact, SagaStepFact, ScenarioFact, SourceFact
from fleetgen.facts.topics import command_route, message_type, name_fact, service_topic
from fleetgen.model.fleet import Binding, Event, Fleet, Saga, SagaStep, Service, Source


def source_fact(source: Source) -> SourceFact:
    """Where a value comes from."""
    return SourceFact(kind=source.kind, message=source.message, path=source.path, value=source.value)


def binding_facts(bindings: tuple[Binding, ...]) -> tuple[BindingFact, ...]:
    """Inputs and their sources."""
    return tuple(BindingFact(input=binding.name, source=source_fact(binding.source)) for binding in bindings)


def saga_fact(fleet: Fleet, saga: Saga, scenarios: tuple[ScenarioFact, ...]) -> SagaFact:
    """A saga, whole."""
    owner = owner_of(fleet, saga)
    return SagaFact(
        name=name_fact(saga.name),
        mode=saga.mode,
        owner=names.kebab(owner.name),
        version=1,
        timeout=saga.timeout or 300.0,
        stuck=saga.stuck,
        steps=tuple(_step_fact(fleet, step) for step in saga.steps),
        fulfilment_topic=service_topic(fleet, owner, "fulfilment"),
        scenarios=scenarios,
    )


def _step_fact(fleet: Fleet, step: SagaStep) -> SagaStepFact:
    service = fleet.service_of[step.command.name]
    aggregate = fleet.aggregates[step.command.aggregate]
    return SagaStepFact(
        name=step.command.name,
        service=names.kebab(service.name),
        kind=step.kind,
        call=step.call,
        route=command_route(aggregate, step.command),
        command_topic=service_topic(fleet, service, "commands"),
        command_type=message_type(fleet, step.command),
        succeeds_with=step.command.emits.name,
        refuses_with=step.command.rejection.name if step.command.rejection else "",
        undo=step.undo.name if step.undo else "",
        undo_type=message_type(fleet, step.undo) if step.undo else "",
        undone_with=step.undo.emits.name if step.undo else "",
        bindings=binding_facts(step.bindings),
        undo_bindings=binding_facts(step.undo_bindings),
        for_each=source_fact(step.for_each) if step.for_each else None,
        within=step.within,
    )


def owner_of(fleet: Fleet, saga: Saga) -> Service:
    """The service of the first step conducts or watches the saga."""
    return fleet.service_of[saga.steps[0].command.name]


def heard_events(fleet: Fleet, service: Service) -> Iterator[Event]:
    """Events that `service` must see for the choreographed sagas it takes part in."""
    for saga in fleet.sagas_of.get(service.name, ()):
        if saga.mode != "choreography":
            continue
        if owner_of(fleet, saga) is service:
            yield from _all_events(saga, 0)
        else:
            yield from _needed_events(fleet, saga, service)


def _needed_events(fleet: Fleet, saga: Saga, service: Service) -> Iterator[Event]:
    """What comes before its last step gives inputs and triggers; what refuses or is undone after its first, undos."""
    mine = [
        index
        for index, step in enumerate(saga.steps)
        for command in (step.command, step.undo)
        if command is not None and fleet.service_of[command.name] is service
    ]
    for step in saga.steps[: max(mine) + 1]:
        yield step.command.emits
    yield from _all_events(saga, min(mine))


def _all_events(saga: Saga, first: int) -> Iterator[Event]:
    for index, step in enumerate(saga.steps):
        if index >= first:
            if first == 0:
                yield step.command.emits
            if step.command.rejection:
                yield step.command.rejection
            if step.undo:
                yield step.undo.emits
