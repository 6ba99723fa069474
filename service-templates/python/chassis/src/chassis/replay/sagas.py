"""Sagas, in the words of traces. Moments there are milliseconds from an arbitrary zero, and commands are numbered."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from chassis.definition import Saga
from chassis.replay.core import Core, Effects, Step, Unknown
from chassis.saga import choreography, fulfilment, history, orchestration
from chassis.saga.choreography import Close, RunForward, RunUndo
from chassis.saga.flow import Flow
from chassis.saga.history import Notice, Seen
from chassis.saga.instance import (
    Announce,
    Became,
    CallPeer,
    Decision,
    Effect,
    Input,
    Late,
    Operation,
    OperationRefused,
    Reply,
    Run,
    SagaState,
    SendCommand,
    TimerDue,
    Unanswered,
)

ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_SAGA = UUID(int=1)


def flow_of(given: dict[str, Any]) -> Flow:
    """The flow of a trace; what has no part in a decision is filled in."""
    return _flow(json.dumps(given))


@lru_cache
def _flow(text: str) -> Flow:
    given = json.loads(text)
    name = {"text": "traced", "snake": "traced", "kebab": "traced", "pascal": "Traced"}
    unused = {"route": {"method": "POST", "path": "/"}, "command_topic": "", "command_type": "", "undo_type": ""}
    steps = [{**step, **unused, "within": step["within"] / 1000} for step in given["steps"]]
    saga = {"name": name, "mode": "orchestration", "owner": "", "version": 1, "timeout": given["timeout"] / 1000}
    return Flow(Saga.model_validate({**saga, "stuck": "manual", "fulfilment_topic": "", "steps": steps}))


def moment(milliseconds: int) -> datetime:
    """A moment of a trace."""
    return ZERO + timedelta(milliseconds=milliseconds)


def milliseconds(given: datetime | None) -> int | None:
    """The same the other way."""
    return None if given is None else (given - ZERO) // timedelta(milliseconds=1)


class _Orchestration:
    def __init__(self, config: dict[str, Any]) -> None:
        self._flow = flow_of(config["flow"])
        self._ids = itertools.count(2)
        self._numbers: dict[UUID, int] = {}
        self._saga: SagaState | None = None

    def load(self, state: Any) -> None:
        if state is not None:
            raise ValueError("a saga is replayed from its beginning")

    def state(self) -> Any:
        assert self._saga is not None
        return {**_saga(self._saga), "runs": [self._run(run) for run in _sorted(self._saga)]}

    def decide(self, step: Step) -> Effects:
        now = moment(step.now)
        if step.kind == "begin":
            a = step.fields
            begun = orchestration.begin(self._flow, _SAGA, a["inputs"], a["event"], now=now, new_id=self._new_id)
            return self._taken(begun)
        assert self._saga is not None
        choose = step.choose if step.kind == "reply" else _no_choice
        try:
            given = self._input(step)
            return self._taken(orchestration.decide(self._flow, self._saga, given, now, self._new_id, choose=choose))
        except OperationRefused:
            return [{"refused": {}}]

    def _taken(self, decision: Decision) -> Effects:
        self._saga = decision.state
        for run in _sorted(decision.state):
            for part in run.parts:
                if part.status == "sent":
                    self._numbers.setdefault(part.command_id, len(self._numbers) + 1)
        return [self._effect(effect) for effect in decision.effects]

    def _new_id(self) -> UUID:
        return UUID(int=next(self._ids))

    def _input(self, step: Step) -> Input:
        a = step.fields
        match step.kind:
            case "reply":
                fields = {name: a[name] for name in ("outcome", "event", "payload", "error", "retryable")}
                return Reply(command_id=self._command(a["command"]), **fields)
            case "unanswered":
                return Unanswered(command_id=self._command(a["command"]))
            case "timer":
                return TimerDue()
            case "operate":
                return Operation(name=a["name"], force=a["force"])
            case _:
                raise Unknown(step)

    def _command(self, number: int) -> UUID:
        return next((known for known, its in self._numbers.items() if its == number), UUID(int=0))

    def _effect(self, effect: Effect) -> dict[str, Any]:
        match effect:
            case SendCommand():
                more = {"complete": effect.complete, "expires": milliseconds(effect.expires_at)}
                return {"send": {**self._asked(effect), "direction": effect.direction, **more}}
            case CallPeer():
                return {"call": self._asked(effect)}
            case Late():
                return {"late": {"command": self._numbers.get(effect.command_id, 0)}}
            case Became():
                return {"became": effect.status}
            case Announce():
                raise ValueError("an orchestrated saga announces nothing")

    def _asked(self, effect: SendCommand | CallPeer) -> dict[str, Any]:
        number = self._numbers[effect.command_id]
        at = {"step": effect.seq, "command": number, "part": effect.index, "parts": effect.total}
        return {**at, "inputs": effect.inputs}

    def _run(self, run: Run) -> dict[str, Any]:
        numbers = self._numbers
        return {
            "step": run.seq,
            "direction": run.direction,
            "status": run.status,
            "attempt": run.attempt,
            "deadline": milliseconds(run.deadline_at),
            "due": milliseconds(run.due_at),
            "parts": [
                {"status": part.status, "command": numbers[part.command_id] if part.status == "sent" else None}
                for part in run.parts
            ],
        }


def _no_choice(low: int, high: int) -> int:
    raise ValueError("nothing is drawn in this step")


def _sorted(saga: SagaState) -> list[Run]:
    return sorted(saga.runs.values(), key=lambda run: (run.seq, run.direction == "compensate"))


def _saga(saga: SagaState) -> dict[str, Any]:
    return {
        "status": saga.status,
        "step": saga.current_step,
        "pivot_passed": saga.pivot_passed,
        "deadline": milliseconds(saga.deadline_at),
        "timer": milliseconds(saga.next_timer_at),
        "finished": milliseconds(saga.finished_at),
    }


def _seen(step: Step) -> Seen | Notice:
    if step.kind == "see":
        return Seen(**step.fields)
    if step.kind == "note":
        return Notice(**step.fields)
    raise Unknown(step)


class _Choreography:
    def __init__(self, config: dict[str, Any]) -> None:
        self._flow, self._me = flow_of(config["flow"]), config["me"]

    def load(self, state: Any) -> None:
        self._history = history.from_json(state)

    def state(self) -> Any:
        return self._history.to_json()

    def decide(self, step: Step) -> Effects:
        self._history = self._after(step)
        match choreography.due(self._flow, self._me, self._history):
            case RunForward() as action:
                return [{"run": {"step": action.step.name, "inputs": list(action.inputs)}}]
            case RunUndo() as action:
                return [{"undo": {"step": action.step.name, "inputs": list(action.inputs)}}]
            case Close() as action:
                return [{"close": {"step": action.step.name}}]
            case None:
                return []

    def _after(self, step: Step) -> history.History:
        if step.kind == "did":
            return self._history.did(step.fields["step"], step.fields["inputs"])
        given = _seen(step)
        return self._history.see(given) if isinstance(given, Seen) else self._history.note(given)


class _Fulfilment:
    def __init__(self, config: dict[str, Any]) -> None:
        self._flow = flow_of(config["flow"])
        self._saga: SagaState | None = None

    def load(self, state: Any) -> None:
        if state is not None:
            raise ValueError("a saga is replayed from its beginning")

    def state(self) -> Any:
        assert self._saga is not None
        runs = [
            {
                "step": run.seq,
                "direction": run.direction,
                "status": run.status,
                "deadline": milliseconds(run.deadline_at),
            }
            for run in _sorted(self._saga)
        ]
        return {**_saga(self._saga), "runs": runs, "history": self._saga.data}

    def decide(self, step: Step) -> Effects:
        now, a = moment(step.now), step.fields
        if step.kind == "begin":
            decision = fulfilment.begin(self._flow, _SAGA, a["inputs"], a["event"], now=now)
        else:
            assert self._saga is not None
            try:
                decision = fulfilment.decide(self._flow, self._saga, _given(step), now)
            except OperationRefused:
                return [{"refused": {}}]
        self._saga = decision.state
        return [_told(effect) for effect in decision.effects]


def _given(step: Step) -> fulfilment.Given:
    if step.kind == "timer":
        return TimerDue()
    if step.kind == "operate":
        return Operation(name=step.fields["name"], force=step.fields["force"])
    return _seen(step)


def _told(effect: Effect) -> dict[str, Any]:
    match effect:
        case Announce():
            return {"announce": {"type": effect.type, "step": effect.step, "force": effect.force}}
        case Became():
            return {"became": effect.status}
        case Late():
            return {"late": {}}
        case _:
            raise ValueError("the owner of a choreographed saga commands nobody")


CORES: dict[str, Core] = {
    "orchestration": _Orchestration,
    "choreography": _Choreography,
    "fulfilment": _Fulfilment,
}
