"""The participant's side of orchestration: a command comes, is carried out once, and is answered.

Barrier, effect, events and reply are one transaction. A command that comes again gets the same answer again; one that
comes after its own compensation is not carried out any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chassis.definition import SagaStep
from chassis.dispatch import PermanentFailure, Record
from chassis.domain import Conflict, DomainError, IllegalState, InvariantViolated, NotFound
from chassis.message import InvalidMessage
from chassis.saga import bindings, envelopes, participation, store
from chassis.saga.bindings import Unbound
from chassis.saga.flow import Flow, read_part
from chassis.saga.instance import Outcome, Reply
from chassis.saga.ports import Ports, at_step, in_saga, log
from chassis.work import SagaHeaders, UnitOfWork

if TYPE_CHECKING:
    from chassis.execute import Executed

_NOBODY = UUID(int=0)


class RefusedBehindPivot(Exception):
    """A step that may only succeed was refused: nothing of it stays, and it is tried again."""


def error_code(error: Exception) -> str:
    """The `ce_errorcode` of an error that leaves no event."""
    codes = {
        IllegalState: "illegal-state",
        InvariantViolated: "invariant-violated",
        NotFound: "not-found",
        Conflict: "conflict",
        InvalidMessage: "invalid",
        RefusedBehindPivot: "refused",
        Unbound: "unbound",
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), "failed")


def is_needless(ports: Ports, undo: str, error: Exception) -> bool:
    """Whether an undo found nothing to undo: no such aggregate, or one that is already where the undo leads."""
    if isinstance(error, NotFound):
        return True
    known = ports.definition.commands_by_name.get(undo)
    return isinstance(error, IllegalState) and known is not None and bool(known.to) and error.state == known.to


class Participant:
    """Carries out the commands that conductors send to this service."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def command(self, record: Record, work: UnitOfWork) -> None:
        """Handle one command and answer it."""
        saga = SagaHeaders.of(record.headers)
        if saga is None or not saga.reply_to:
            raise PermanentFailure("a command must name its saga and where to reply", "schema")
        flow = self._ports.flow(saga)
        command_id = _command_id(record)
        with in_saga(work, flow, saga.id), at_step(flow, saga.step, saga.direction):
            answer = replace(self._answer(flow, saga, record, work), command_id=command_id)
            event = self._ports.definition.events_by_name.get(answer.event)
            envelopes.reply(self._ports.outbox, work, saga, event.type if event else "", answer)

    def perform(self, name: str, payload: Mapping[str, Any], work: UnitOfWork) -> Executed:
        """A step that came as a synchronous request: behind the barrier like any other, so that it can be undone.

        Raises `Conflict` when the step is closed already, and whatever the command raises.
        """
        saga = work.context.saga
        assert saga is not None  # whoever calls has read it from the request
        flow = self._ports.flows.at(saga.type, saga.step, saga.version)
        if flow is None:
            raise NotFound("saga", f"{saga.type} with step {saga.step}")
        row = participation.lock(work, saga.id, saga.type, saga.version)
        with in_saga(work, flow, saga.id), at_step(flow, saga.step, saga.direction):
            if not participation.take(work, saga.id, saga.step, saga.direction, read_part(saga.part)[0]):
                raise Conflict(f"{saga.step} of saga {saga.id} is closed")
            executed = self._ports.execute(name, payload, work)
            if executed.rejected and flow.step(flow.seq(saga.step)).kind == "retriable":
                raise Conflict(f"{name} is refused now, and must succeed in the end")
        answer = _outcome(executed)
        participation.save(work, saga.id, _with_answer(row.data, saga, answer, payload))
        return executed

    def _answer(self, flow: Flow, saga: SagaHeaders, record: Record, work: UnitOfWork) -> Reply:
        row = participation.lock(work, saga.id, saga.type, saga.version)
        known = row.data.get("answers", {}).get(_key(saga))
        if known is not None:
            return _answer_from_json(known)
        if _is_expired(record, work):
            return Reply(command_id=_NOBODY, outcome="expired", error="expired", retryable=True)
        wire = self._ports.codec.decode(record)
        try:
            with work.nested():  # a failure gives the barrier back: whoever sends the command again may succeed
                answer = self._behind_barrier(flow, saga, row.data, wire, work)
        except (DomainError, InvalidMessage, Unbound, RefusedBehindPivot) as error:
            retryable = isinstance(error, Conflict | RefusedBehindPivot)
            log.info("%s %s of saga %s failed: %s", saga.direction, saga.step, saga.id, error)
            return Reply(command_id=_NOBODY, outcome="failed", error=error_code(error), retryable=retryable)
        participation.save(work, saga.id, _with_answer(row.data, saga, answer, wire))
        return answer

    def _behind_barrier(
        self, flow: Flow, saga: SagaHeaders, kept: Mapping[str, Any], wire: dict[str, Any], work: UnitOfWork
    ) -> Reply:
        part = read_part(saga.part)[0]
        step = flow.step(flow.seq(saga.step))
        if not participation.take(work, saga.id, saga.step, saga.direction, part):
            return Reply(command_id=_NOBODY, outcome="failed", error="closed")  # undone before it was done
        if saga.direction == "compensate":
            return self._compensate(step, saga, kept, wire, work)
        executed = self._execute(step.name, saga, wire, work)
        if executed.rejected and step.kind == "retriable":
            raise RefusedBehindPivot(executed.event_name)
        return _outcome(executed)

    def _compensate(
        self, step: SagaStep, saga: SagaHeaders, kept: Mapping[str, Any], wire: dict[str, Any], work: UnitOfWork
    ) -> Reply:
        nothing = Reply(command_id=_NOBODY, outcome="succeeded")
        if participation.take(work, saga.id, saga.step, "forward", read_part(saga.part)[0]):
            return nothing  # it never ran, and now never will
        done = kept.get("answers", {}).get(_key(replace(saga, direction="forward")))
        if done is not None and done["outcome"] != "succeeded":
            return nothing
        try:
            with work.nested():
                executed = self._execute(step.undo, saga, {**self._own_inputs(step, saga, kept), **wire}, work)
        except (NotFound, IllegalState) as error:
            if not is_needless(self._ports, step.undo, error):
                raise
            log.info("%s of saga %s is needless: %s", step.undo, saga.id, error)
            return nothing
        return _outcome(executed)

    def _own_inputs(self, step: SagaStep, saga: SagaHeaders, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Inputs of the undo that follow from the step itself: its conductor may never have heard how it ended."""
        done = kept.get("answers", {}).get(_key(replace(saga, direction="forward")), {})
        data = {step.name: done.get("inputs", {}), step.succeeds_with: done.get("payload") or {}}
        from_messages = [binding for binding in step.undo_bindings if binding.source.kind == "message"]
        known, _ = bindings.evaluate_known(from_messages, data)
        return known

    def _execute(self, name: str, saga: SagaHeaders, wire: Mapping[str, Any], work: UnitOfWork) -> Executed:
        with work.using(replace(work.context, saga=replace(saga, reply_to=""))):
            return self._ports.execute(name, wire, work)


def _outcome(executed: Executed) -> Reply:
    outcome: Outcome = "failed" if executed.rejected else "succeeded"
    return Reply(command_id=_NOBODY, outcome=outcome, event=executed.event_name, payload=executed.event_wire)


def remembered(step: str, inputs: Mapping[str, Any], event: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """What a participant keeps of a step that succeeded without a command on the bus: the first of a saga."""
    answer = Reply(command_id=_NOBODY, outcome="succeeded", event=event, payload=dict(payload))
    return _with_answer({}, SagaHeaders(id=_NOBODY, type="", step=step), answer, inputs)


def _key(saga: SagaHeaders) -> str:
    return f"{saga.step}:{saga.direction}:{read_part(saga.part)[0]}"


def _with_answer(
    kept: Mapping[str, Any], saga: SagaHeaders, answer: Reply, inputs: Mapping[str, Any]
) -> dict[str, Any]:
    known = {
        "outcome": answer.outcome,
        "event": answer.event,
        "payload": answer.payload,
        "error": answer.error,
        "inputs": dict(inputs),
    }
    return {**kept, "answers": {**kept.get("answers", {}), _key(saga): known}}


def _answer_from_json(known: Mapping[str, Any]) -> Reply:
    return Reply(
        command_id=_NOBODY,
        outcome=known["outcome"],
        event=known["event"],
        payload=known["payload"],
        error=known["error"],
    )


def _command_id(record: Record) -> UUID:
    try:
        return UUID(record.ce_id)
    except ValueError:
        raise PermanentFailure("a command must have a uuid", "schema") from None


def _is_expired(record: Record, work: UnitOfWork) -> bool:
    limit = envelopes.read_time(record.headers.get("ce_expirytime", ""))
    return limit is not None and store.now(work) > limit
