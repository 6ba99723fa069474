"""The core of a participant in a choreography: what it must do now, given what it has seen. Pure.

A step runs when the step before it is seen and all its inputs are known. A step is undone when the refusal of a later
step reaches it with nothing undoable in between, or when the next undoable step is undone. When the owner declares
the saga overdue, the participant of the turning point speaks first: it closes its step, unless that has run, and then
every step before it is undone or closed in strict reverse order. So a saga is never compensated behind its pivot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chassis.definition import SagaStep
from chassis.saga import bindings
from chassis.saga.bindings import Current, Unbound
from chassis.saga.flow import Flow
from chassis.saga.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForward:
    """Carry out the step's command with each of the inputs: all or, when one is refused, nothing.

    None at all when it fans out over nothing: then a `skipped` notice must tell the others.
    """

    step: SagaStep
    inputs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUndo:
    """Undo the step, with each of the inputs."""

    step: SagaStep
    inputs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Nothing to undo: see that the step cannot run any more, and say that it is undone."""

    step: SagaStep


Action = RunForward | RunUndo | Close


def due(flow: Flow, service: str, history: History) -> Action | None:
    """What the service has to do next, if anything; one action at a time, undoing before doing."""
    if history.aborted:
        return None
    own = [seq for seq, step in enumerate(flow.steps, start=1) if step.service == service]
    for seq in reversed(own):
        if undoing := _backward(flow, seq, history):
            return undoing
    for seq in own:
        if doing := _forward(flow, seq, history):
            return doing
    return None


def may_run(flow: Flow, seq: int, history: History) -> bool:
    """Whether the step's forward run is still wanted: a late one is dropped."""
    step = flow.step(seq)
    over = history.is_done(step.name) or step.name in history.refused or history.is_undone(step.name)
    return not (over or history.aborted or _given_up(flow, seq, history) or is_undo_due(flow, seq, history))


def is_undo_due(flow: Flow, seq: int, history: History) -> bool:
    """Whether the time to undo (or close) the step has come."""
    follower = flow.undoable_after(seq)
    refusing = range(seq + 1, (follower or flow.turning_point) + 1)
    if any(flow.step(later).name in history.refused for later in refusing):
        return True
    if follower and history.is_undone(flow.step(follower).name):
        return True
    return history.overdue and _overdue_reaches(flow, seq, history)


def _overdue_reaches(flow: Flow, seq: int, history: History) -> bool:
    """Step by step backwards from the last one that could still have run."""
    last = len(flow) if history.forced else flow.turning_point
    if seq == last:
        return history.forced or not history.is_done(flow.step(seq).name)
    return seq < last and history.is_undone(flow.step(seq + 1).name)


def _given_up(flow: Flow, seq: int, history: History) -> bool:
    """Overdue: up to the turning point nothing new is begun; behind it everything, unless it is to be undone."""
    return history.overdue and (history.forced or seq <= flow.turning_point)


def _forward(flow: Flow, seq: int, history: History) -> RunForward | None:
    step = flow.step(seq)
    if seq == 1 or not history.is_done(flow.step(seq - 1).name) or not may_run(flow, seq, history):
        return None
    try:
        return RunForward(step=step, inputs=_inputs(step, history.data(flow)))
    except Unbound:
        return None  # the message that carries it is still on its way


def _inputs(step: SagaStep, data: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    if step.for_each is None:
        return (bindings.evaluate(step.bindings, data),)
    items = bindings.items(step.for_each, data)
    return tuple(
        bindings.evaluate(step.bindings, data, Current(item=item, index=index, total=len(items)))
        for index, item in enumerate(items)
    )


def _backward(flow: Flow, seq: int, history: History) -> RunUndo | Close | None:
    step = flow.step(seq)
    if history.is_undone(step.name) or step.name in history.refused or not is_undo_due(flow, seq, history):
        return None
    if not step.undo and not history.overdue:
        return None  # a refusal passes by what has no undo; only an overdue saga goes back step by step
    if not history.has_run(step.name) or not step.undo:
        return Close(step=step)
    return RunUndo(step=step, inputs=_undo_inputs(step, history.data(flow)))


def _undo_inputs(step: SagaStep, data: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """What the step took and emitted is known where it ran. Should the facts ask for more, the command says so."""
    if step.for_each is None:
        return (bindings.evaluate_known(step.undo_bindings, data)[0],)
    items = bindings.items(step.for_each, data)
    return tuple(
        bindings.evaluate_known(step.undo_bindings, data, Current(item=item, index=index, total=len(items)))[0]
        for index, item in enumerate(items)
    )
