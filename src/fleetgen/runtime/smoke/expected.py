"""What a run of a saga must leave behind, by its facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from fleetgen.facts.schema import SagaFact, SagaStepFact, ScenarioFact
from fleetgen.runtime.monorepo import LocalFleet


def parts(saga: SagaFact, step: SagaStepFact, given: Mapping[str, Any]) -> int | None:
    """How often a step is carried out: once, or for each item of a list; None where the list is not in the input."""
    if step.for_each is None:
        return 1
    first = saga.steps[0]
    if step.for_each.kind != "message" or step.for_each.message not in (first.name, first.succeeds_with):
        return None
    try:
        return len(reduce(lambda value, name: value[name], step.for_each.path, given))
    except (KeyError, TypeError):
        return None


def expected_events(saga: SagaFact, scenario: ScenarioFact) -> dict[str, int]:
    """How many of each event the run publishes, by name: steps up to the refusal, the refusal, the undos before it."""
    counts: dict[str, int | None] = {}
    refusing = next(
        (step for step in saga.steps if scenario.refused_with and step.refuses_with == scenario.refused_with), None
    )
    for step in saga.steps:
        if step is refusing:
            whole = step.for_each is None or saga.mode == "choreography"  # all or nothing
            counts[step.refuses_with] = 1 if whole else None
            counts[step.succeeds_with] = 0 if whole else None
            break
        counts[step.succeeds_with] = parts(saga, step, scenario.input)
        if refusing is not None and step.undone_with:
            counts[step.undone_with] = parts(saga, step, scenario.input)
    return {name: count for name, count in counts.items() if count is not None}


def event_types(fleet: LocalFleet) -> dict[str, str]:
    """Each event's type on the bus."""
    return {event.name.text: event.type for service in fleet.services for event in service.facts.events}


def event_topics(fleet: LocalFleet) -> set[str]:
    """Where events are published."""
    return {event.topic for service in fleet.services for event in service.facts.events}


def participants(saga: SagaFact, scenario: ScenarioFact) -> frozenset[str]:
    """The services whose spans belong to the run, the one that refuses included."""
    names = {saga.owner}
    for step in saga.steps:
        names.add(step.service)
        if scenario.refused_with and step.refuses_with == scenario.refused_with:
            break
    return frozenset(names)
