"""Runs of a saga to try: one that completes and one into each compensation that an input can provoke.

Found by carrying out the saga on the specification alone, as the services will: the inputs of `smoke` and of the
fleet's own tests follow from the description and change with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import reduce
from itertools import product
from operator import getitem
from typing import Any

from fleetgen.core import names
from fleetgen.facts.examples import Examples, Values
from fleetgen.facts.schema import PrerequisiteFact, ScenarioFact
from fleetgen.model.fleet import Aggregate, Binding, Command, Event, Fleet, Saga, SagaStep, Source

MOST_PREREQUISITES = 50


@dataclass
class _World:
    """Aggregates by name and key, messages so far, and what had to exist before."""

    aggregates: dict[tuple[str, str], Values] = field(default_factory=dict)
    messages: dict[str, Any] = field(default_factory=dict)
    prerequisites: list[PrerequisiteFact] = field(default_factory=list)
    made: int = 0


@dataclass(frozen=True)
class _End:
    """How a run ended: `refused` is a rejection's name or empty; None stands for a run that an error stopped."""

    refused: str
    prerequisites: tuple[PrerequisiteFact, ...]


class Scenarios:
    """Tries sagas of one fleet."""

    def __init__(self, fleet: Fleet, examples: Mapping[str, Examples]) -> None:
        """`examples` are by aggregate."""
        self._fleet = fleet
        self._examples = examples

    def of(self, saga: Saga) -> tuple[ScenarioFact, ...]:
        """The happy run first, then one for each rejection that could be provoked, in the order of the steps."""
        first = saga.steps[0].command
        plain = self._examples[first.aggregate][first.name].input
        found: dict[str, ScenarioFact] = {}
        for candidate in self._inputs(saga, plain):
            end = self._run(saga, candidate)
            if end is not None and end.refused not in found:
                ends = "compensated" if end.refused else "completed"
                found[end.refused] = ScenarioFact(
                    refused_with=end.refused, input=candidate, prerequisites=end.prerequisites, ends=ends
                )
        refusals = [step.command.rejection.name for step in saga.steps[1:] if step.command.rejection]
        return tuple(found[name] for name in ("", *refusals) if name in found)

    def _inputs(self, saga: Saga, plain: Values) -> Iterator[Values]:
        """The plain input; then what each later step accepts, and what it refuses, carried back to the first."""
        yield plain
        first = saga.steps[0].command
        for step in saga.steps[1:]:
            example = self._examples[step.command.aggregate][step.command.name]
            candidates = [_carried_back(saga, step, example.input, plain)]
            if example.refused is not None:
                candidates.append(_carried_back(saga, step, example.refused, plain))
                candidates.extend(_with_figures(example.refused, plain))
            yield from map(self._examples[first.aggregate].repaired, candidates)

    def _run(self, saga: Saga, given: Values) -> _End | None:
        world = _World()
        for index, step in enumerate(saga.steps):
            refused = self._step(world, step, given if index == 0 else None)
            if refused is None or (refused and index == 0):
                return None
            if refused:
                return _End(refused, tuple(world.prerequisites))
        return _End("", tuple(world.prerequisites))

    def _step(self, world: _World, step: SagaStep, given: Values | None) -> str | None:
        """Carry out one step: empty for success, the rejection's name, or None for an error."""
        items = _read(world, step.for_each, None) if step.for_each else [None]
        payloads: list[Values] = []
        for item in items:
            bound = {binding.name: _read(world, binding.source, item) for binding in step.bindings}
            inputs = bound if given is None else given
            outcome = self._carry_out(world, step.command, inputs)
            if outcome is None or isinstance(outcome, str):
                return outcome
            payloads.append(outcome)
        world.messages[step.command.name] = given or {}
        world.messages[step.command.emits.name] = payloads if step.for_each else payloads[0]
        return ""

    def _carry_out(self, world: _World, command: Command, inputs: Values) -> Values | str | None:
        aggregate = self._fleet.aggregates[command.aggregate]
        key = aggregate.key.name
        if command.target == "new":
            world.made += 1
            made = f"018f3b6e-0000-7000-8000-{world.made:012d}"
            inputs = inputs if key in inputs else {**inputs, key: made}
            state: Values = {}
        else:
            state = self._existing(world, aggregate, command, inputs[key])
        outcome = self._examples[aggregate.name].run(command, state, inputs)
        if outcome is None:
            return None
        succeeded, after = outcome
        if not succeeded:
            return command.rejection.name if command.rejection else None
        world.aggregates[aggregate.name, str(inputs[key])] = after | {key: inputs[key]}
        return _payload(aggregate, command.emits, after | {key: inputs[key]}, inputs)

    def _existing(self, world: _World, aggregate: Aggregate, command: Command, key: Any) -> Values:
        """The aggregate as it is, or made by the commands of its example's path, which become prerequisites."""
        found = world.aggregates.get((aggregate.name, str(key)))
        if found is not None or len(world.prerequisites) > MOST_PREREQUISITES:
            return found or {}
        examples = self._examples[aggregate.name]
        state: Values = {}
        for name in examples[command.name].path:
            given = examples[name].input | {aggregate.key.name: key}
            made = examples.run(self._fleet.commands[name], state, given)
            state = made[1] | {aggregate.key.name: key} if made else state
            service = names.kebab(self._fleet.service_of[name].name)
            world.prerequisites.append(PrerequisiteFact(service=service, command=name, input=given))
        world.aggregates[aggregate.name, str(key)] = state
        return state


def _payload(aggregate: Aggregate, event: Event, state: Values, inputs: Values) -> Values:
    """The event's content: the key under its travelling name, the rest from input or state."""
    known = {**state, **inputs, event.subject: state[aggregate.key.name]}
    return {carried.name: known.get(carried.name) for carried in event.fields}


def _read(world: _World, source: Source | None, item: Any) -> Any:
    match source:
        case Source(kind="message", message=message, path=path):
            value = world.messages.get(message)
            value = value[-1] if isinstance(value, list) and value else value
            return reduce(getitem, path, value) if value else None
        case Source(kind="item", path=path):
            return reduce(getitem, path, item)
        case Source(kind="literal", value=value):
            return value
        case _:
            return None


def _carried_back(saga: Saga, step: SagaStep, refused: Values, plain: Values) -> Values:
    """`plain` with those inputs replaced that reach `step` straight from the first message, as the same type."""
    first = saga.steps[0].command
    own = {first.name, first.emits.name}
    given = {each.name: each.type for each in first.inputs}
    wanted = {each.name: each.type for each in step.command.inputs}
    changed = dict(plain)
    for binding in step.bindings:
        match binding:
            case Binding(source=Source(kind="message", message=message, path=(name,))) if message in own:
                if name in plain and given[name] == wanted[binding.name]:
                    changed[name] = refused[binding.name]
            case Binding(source=Source(kind="item", path=(part,))) if _fans_out_over(step, own, plain):
                over = step.for_each.path[0] if step.for_each else ""
                changed[over] = [{**item, part: refused[binding.name]} for item in changed[over]]
    return changed


def _fans_out_over(step: SagaStep, own: set[str], plain: Values) -> bool:
    each = step.for_each
    return each is not None and each.message in own and len(each.path) == 1 and each.path[0] in plain


def _with_figures(refused: Values, plain: Values) -> Iterator[Values]:
    """`plain` with one number at a time replaced by one that was refused: what a sum of such numbers is refused for."""
    figures = sorted({figure for _, figure in _numbers(refused, ())}, reverse=True)
    for (at, _), figure in product(tuple(_numbers(plain, ())), figures):
        changed = deepcopy(plain)
        reduce(getitem, at[:-1], changed)[at[-1]] = figure
        yield changed


def _numbers(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], int]]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield at, value
    elif isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _numbers(inner, (*at, step))
