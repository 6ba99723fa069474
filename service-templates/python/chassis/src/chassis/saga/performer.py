"""A participant's side of choreography: takes in what happens, and does its own steps when their time has come.

One action a transaction: what comes after it is left to the timer, so that one step's failure holds up no other's
success. The step's barrier keys, its effect, its events and what is known of the saga are committed together. A step
that fails is rolled back and tried again by the timer; that something happened is remembered all the same: otherwise
the owner, whose own step fails, would not know that the pivot has passed, and sagas of the same key would wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from chassis import faults
from chassis.definition import SagaStep
from chassis.domain import IllegalState, NotFound
from chassis.saga import choreography, envelopes, history, participation
from chassis.saga.acting import Acting
from chassis.saga.choreography import Action, Close, RunForward, RunUndo
from chassis.saga.flow import part_text
from chassis.saga.history import SKIPPED, UNDONE, History, Notice, Role, Seen
from chassis.saga.participant import is_needless
from chassis.saga.ports import Ports, at_step, in_saga, log
from chassis.work import Outgoing, SagaHeaders, UnitOfWork

if TYPE_CHECKING:
    from chassis.execute import Executed

_AWAY = (psycopg.OperationalError, psycopg.InterfaceError)
"""The database is away, or another transaction was in the way: the whole unit of work begins afresh."""
Told = Callable[[Acting, Seen | Notice], None]
"""Called with what this service did itself, which its own monitor need not wait for the bus to hear."""


class UndoRefused(Exception):
    """A compensation must not be refused."""


class _Refused(Exception):
    """One item of a fan-out was refused: the effects of the others are rolled back, its event is kept."""

    def __init__(self, executed: Executed, messages: tuple[Outgoing, ...]) -> None:
        super().__init__(executed.event_name)
        self.executed, self.messages = executed, messages


class Performer:
    """Does this service's steps of choreographed sagas."""

    def __init__(self, ports: Ports, wake: Callable[[], None], told: Told) -> None:
        self._ports = ports
        self._wake = wake
        self._told = told

    def start(self, acting: Acting, inputs: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """The first step is done: nobody may do it again, and what follows from it here is due."""
        first = acting.flow.step(1)
        participation.lock(acting.work, acting.saga_id, acting.flow.name, acting.flow.saga.version)
        participation.take(acting.work, acting.saga_id, first.name, "forward")
        known = History(inputs={first.name: dict(inputs)})
        self._keep(acting, known.see(Seen(step=first.name, role="succeeded", payload=dict(event))))

    def take_in(self, acting: Acting, given: Seen | Notice) -> None:
        """Something happened: remember it, and act if it was what a step here waited for."""
        row = participation.lock(acting.work, acting.saga_id, acting.flow.name, acting.flow.saga.version)
        known = history.from_json(row.data)
        after = known.see(given) if isinstance(given, Seen) else known.note(given)
        if after != known:
            self._act(acting, after)

    def note(self, acting: Acting, notice: Notice) -> None:
        """This service's own monitor has something to say: remember it, act later."""
        row = participation.lock(acting.work, acting.saga_id, acting.flow.name, acting.flow.saga.version)
        self._keep(acting, history.from_json(row.data).note(notice))

    def due(self, work: UnitOfWork, saga_id: UUID) -> None:
        """The participation's time has come, if nobody else is at it."""
        row = participation.lock_due(work, saga_id)
        if row is None:
            return
        flow = self._ports.flows.of(row.saga_type, row.version)
        if flow is None:
            participation.postpone(work, saga_id, row.data, LookupError(f"saga {row.saga_type} is not known here"))
            return
        known = history.from_json(row.data)
        action = choreography.due(flow, self._ports.me, known)
        faults.point("saga.timer_claimed", action.step.name if action else "")
        with in_saga(work, flow, saga_id, correlation_id=row.correlation_id, trace_of=row.trace):
            self._act(Acting(work, flow, saga_id), known)

    def _act(self, acting: Acting, known: History) -> None:
        action = choreography.due(acting.flow, self._ports.me, known)
        if action is not None:
            direction = "forward" if isinstance(action, RunForward) else "compensate"
            try:
                with acting.work.nested(), at_step(acting.flow, action.step.name, direction):
                    known = self._perform(acting, known, action)
            except _AWAY:
                raise
            except Exception as error:  # whatever a command raises
                log.warning("%s of saga %s failed", action.step.name, acting.saga_id, exc_info=True)
                participation.postpone(acting.work, acting.saga_id, known.to_json(), error)
                return
        self._keep(acting, known)

    def _keep(self, acting: Acting, known: History) -> None:
        more = choreography.due(acting.flow, self._ports.me, known) is not None
        participation.save(acting.work, acting.saga_id, known.to_json(), due=more)
        if more:
            acting.work.on_commit(self._wake)

    def _perform(self, acting: Acting, known: History, action: Action) -> History:
        match action:
            case RunForward():
                return self._forward(acting, known, action)
            case RunUndo():
                done = self._undo(acting, known, action)
            case Close():
                done = self._close(acting, known, action.step)
        acting.work.on_commit(lambda: faults.point("saga.after_compensate_commit", action.step.name))
        return done

    # -- forward

    def _forward(self, acting: Acting, known: History, action: RunForward) -> History:
        step, work = action.step, acting.work
        work.on_commit(lambda: faults.point("saga.after_reply_commit", step.name))
        if not participation.take(work, acting.saga_id, step.name, "forward"):
            log.warning("%s of saga %s came too late and is dropped", step.name, acting.saga_id)
            return known.note(Notice(type=UNDONE, step=step.name))
        inputs = [dict(wire) for wire in action.inputs]
        known = replace(known, inputs={**known.inputs, step.name: inputs if step.for_each else inputs[0]})
        if not action.inputs:
            return self._say(acting, known, Notice(type=SKIPPED, step=step.name))
        for seen in self._all_or_none(acting, step, action.inputs):
            known = known.see(seen)
            self._told(acting, seen)
        return known

    def _all_or_none(self, acting: Acting, step: SagaStep, inputs: tuple[Mapping[str, Any], ...]) -> list[Seen]:
        work, total = acting.work, len(inputs)
        seen: dict[int, Seen] = {}
        try:
            with work.nested():
                for index in _in_key_order(inputs):
                    before = len(work.outgoing)
                    executed = self._execute(acting, step.name, _headers(acting, step, index, total), inputs[index])
                    if executed.rejected and total > 1:
                        raise _Refused(executed, work.outgoing[before:])
                    role: Role = "refused" if executed.rejected else "succeeded"
                    wire = executed.event_wire
                    seen[index] = Seen(step=step.name, role=role, payload=wire, index=index + 1, total=total)
        except _Refused as refused:
            for message in refused.messages:
                work.append(message)
            return [Seen(step=step.name, role="refused", payload=refused.executed.event_wire)]
        return [seen[index] for index in sorted(seen)]

    # -- backward

    def _undo(self, acting: Acting, known: History, action: RunUndo) -> History:
        step, total = action.step, len(action.inputs)
        if participation.take(acting.work, acting.saga_id, step.name, "forward"):
            return self._cleared(acting, known, step)
        if not participation.take(acting.work, acting.saga_id, step.name, "compensate"):
            log.warning("%s of saga %s is undone already", step.name, acting.saga_id)
            return known.note(Notice(type=UNDONE, step=step.name))
        needless = total == 0
        for index in _in_key_order(action.inputs):
            saga = replace(_headers(acting, step, index, total), direction="compensate")
            executed = self._undo_part(acting, step, saga, action.inputs[index])
            if executed is None:
                needless = True
                continue
            seen = Seen(step=step.name, role="undone", payload=executed.event_wire, index=index + 1, total=total)
            known = known.see(seen)
            self._told(acting, seen)
        return self._cleared(acting, known, step) if needless else known

    def _undo_part(self, acting: Acting, step: SagaStep, saga: SagaHeaders, wire: Mapping[str, Any]) -> Executed | None:
        """`None` when there was nothing to undo."""
        try:
            with acting.work.nested():
                executed = self._execute(acting, step.undo, saga, wire)
        except (NotFound, IllegalState) as error:
            if not is_needless(self._ports, step.undo, error):
                raise
            log.info("%s of saga %s is needless: %s", step.undo, acting.saga_id, error)
            return None
        if executed.rejected:
            raise UndoRefused(f"{step.undo} was refused with {executed.event_name}")
        return executed

    def _close(self, acting: Acting, known: History, step: SagaStep) -> History:
        """Nothing was done, or nothing of it can be undone; from now on nothing will be done either."""
        participation.take(acting.work, acting.saga_id, step.name, "compensate")
        participation.take(acting.work, acting.saga_id, step.name, "forward")
        return self._cleared(acting, known, step)

    def _cleared(self, acting: Acting, known: History, step: SagaStep) -> History:
        return self._say(acting, known, Notice(type=UNDONE, step=step.name))

    # -- both

    def _say(self, acting: Acting, known: History, notice: Notice) -> History:
        envelopes.notice(self._ports.outbox, acting, notice)
        self._told(acting, notice)
        return known.note(notice)

    def _execute(self, acting: Acting, name: str, saga: SagaHeaders, wire: Mapping[str, Any]) -> Executed:
        with acting.work.using(replace(acting.work.context, saga=saga)):
            return self._ports.execute(name, wire, acting.work)


def _headers(acting: Acting, step: SagaStep, index: int, total: int) -> SagaHeaders:
    part = part_text(index + 1, total) if step.for_each else ""
    version = acting.flow.saga.version
    return SagaHeaders(id=acting.saga_id, type=acting.flow.name, step=step.name, part=part, version=version)


def _in_key_order(inputs: tuple[Mapping[str, Any], ...]) -> list[int]:
    """Rows are locked in the order of their keys, the first inputs: two sagas over the same items cannot deadlock."""
    return sorted(range(len(inputs)), key=lambda index: json.dumps(list(inputs[index].values())[:1], default=str))
