"""The owner's side of orchestration: inputs to the core, its effects into the outbox, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis import faults
from chassis.definition import Route
from chassis.dispatch import PermanentFailure, Record
from chassis.saga import envelopes, metrics, orchestration, store
from chassis.saga.acting import Acting
from chassis.saga.flow import Flow, part_text
from chassis.saga.history import ABORTED, STUCK, Notice
from chassis.saga.instance import (
    Became,
    CallPeer,
    Decision,
    Effect,
    Input,
    Late,
    Operation,
    Outcome,
    Reply,
    SendCommand,
    TimerDue,
)
from chassis.saga.participation import barrier_key
from chassis.saga.ports import Ports, at_step, in_saga, log
from chassis.saga.store import Stored
from chassis.work import SagaHeaders, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """A synchronous request to make once its saga's row is committed."""

    saga: SagaHeaders
    command_id: UUID
    peer: str
    route: Route
    inputs: Mapping[str, Any]
    idempotency_key: str
    correlation_id: str
    trace: str | None


def announce(ports: Ports, acting: Acting, effect: Became) -> None:
    """Tell the world what the saga became, where somebody has to know."""
    flow = acting.flow
    kind = {"stuck": STUCK, "aborted": ABORTED}.get(effect.status)
    if kind and any(topic.name == flow.saga.fulfilment_topic for topic in ports.definition.topics):
        envelopes.notice(ports.outbox, acting, Notice(type=kind), effect.reason)
    level = log.warning if effect.status == "stuck" else log.info
    level("saga %s %s is %s %s", flow.name, acting.saga_id, effect.status, effect.reason)


def record_duration(flow: Flow, state: Any) -> None:
    """How long a saga took that has just ended."""
    seconds = (state.finished_at - state.started_at).total_seconds()
    metrics.duration.record(seconds, {"saga.type": flow.name, "saga.status": state.status})


class Conductor:
    """Conducts the sagas that this service owns."""

    def __init__(self, ports: Ports, wake: Callable[[], None]) -> None:
        """`wake` tells the timers that something is due at once."""
        self._ports = ports
        self._wake = wake

    def start(self, acting: Acting, inputs: Mapping[str, Any], event: Mapping[str, Any], key: str) -> UUID | None:
        """Begin; gives the id of the live saga with the same business key if there is one."""
        work = acting.work
        decision = orchestration.begin(
            acting.flow, acting.saga_id, inputs, event, now=store.now(work), new_id=work.new_id
        )
        live = store.create(work, acting.flow, decision.state, key)
        if live is None:
            self._carry_out(acting, decision)
        return live

    def reply(self, record: Record, work: UnitOfWork) -> None:
        """A participant answered."""
        saga = SagaHeaders.of(record.headers)
        if saga is None:
            raise PermanentFailure("a reply must name its saga", "schema")
        given = self._read(record)
        self.decide(work, saga.id, given)
        label = "saga.after_compensate_commit" if saga.direction == "compensate" else "saga.after_reply_commit"
        work.on_commit(lambda: faults.point(label, saga.step))

    def _read(self, record: Record) -> Reply:
        try:
            command_id = UUID(record.headers["ce_causationid"])
        except (KeyError, ValueError):
            raise PermanentFailure("a reply must name its command", "schema") from None
        event = self._ports.definition.events_by_type.get(record.ce_type)
        return Reply(
            command_id=command_id,
            outcome=_outcome(record.headers["ce_outcome"]),
            event=event.name.text if event else "",
            payload=self._ports.codec.decode(record) if event else None,
            error=record.headers.get("ce_errorcode", ""),
            retryable=record.headers.get("ce_retryable") == "true",
        )

    def due(self, work: UnitOfWork, saga_id: UUID) -> tuple[PendingCall, ...]:
        """The saga's timer has passed, if nobody else is at it. Gives the calls to make after the commit."""
        stored = store.load(work, saga_id, due=True)
        if stored is None:
            return ()
        flow = self._ports.flow_of(stored.saga_type, stored.definition)
        faults.point("saga.timer_claimed", flow.step(stored.state.current_step).name)
        return self._decide(work, flow, stored, TimerDue())

    def decide(self, work: UnitOfWork, saga_id: UUID, given: Input) -> Stored | None:
        """Let the core decide on an input; gives the saga as it was before."""
        stored = store.load(work, saga_id)
        if stored is None:
            log.warning("no saga %s: %s is dropped", saga_id, type(given).__name__)
            return None
        self._decide(work, self._ports.flow_of(stored.saga_type, stored.definition), stored, given)
        return stored

    def operate(self, work: UnitOfWork, stored: Stored, given: Operation) -> None:
        """A manual intervention in a saga that is loaded already."""
        self._decide(work, self._ports.flow_of(stored.saga_type, stored.definition), stored, given)

    def _decide(self, work: UnitOfWork, flow: Flow, stored: Stored, given: Input) -> tuple[PendingCall, ...]:
        saga_id = stored.state.saga_id
        with in_saga(work, flow, saga_id, correlation_id=stored.correlation_id, trace_of=stored.trace):
            decision = orchestration.decide(flow, stored.state, given, store.now(work), work.new_id)
            if decision.state != stored.state:
                store.save(work, flow, stored, decision.state)
            return self._carry_out(Acting(work, flow, saga_id), decision)

    def _carry_out(self, acting: Acting, decision: Decision) -> tuple[PendingCall, ...]:
        calls: list[PendingCall] = []
        for effect in decision.effects:
            if isinstance(effect, CallPeer):
                calls.append(_call(acting, effect))
            else:
                self._effect(acting, decision, effect)
        due = decision.state.next_timer_at
        if due is not None and due <= store.now(acting.work):
            acting.work.on_commit(self._wake)
        return tuple(calls)

    def _effect(self, acting: Acting, decision: Decision, effect: Effect) -> None:
        work, flow, saga_id = acting.work, acting.flow, acting.saga_id
        match effect:
            case SendCommand():
                with at_step(flow, flow.step(effect.seq).name, effect.direction):
                    reply_to = self._ports.definition.reply_topic
                    envelopes.command(self._ports.outbox, acting, effect, reply_to)
            case Late():
                log.info("saga %s %s: reply to %s came too late", flow.name, saga_id, effect.command_id)
                work.on_commit(lambda: metrics.late_replies.add(1, {"saga.type": flow.name}))
            case Became():
                announce(self._ports, acting, effect)
                if decision.state.finished_at is not None and effect.status == decision.state.status:
                    work.on_commit(lambda: record_duration(flow, decision.state))


def _call(acting: Acting, effect: CallPeer) -> PendingCall:
    flow, context = acting.flow, acting.work.context
    step = flow.step(effect.seq)
    part = part_text(effect.index, effect.total) if step.for_each else ""
    return PendingCall(
        saga=SagaHeaders(id=acting.saga_id, type=flow.name, step=step.name, part=part, version=flow.saga.version),
        command_id=effect.command_id,
        peer=step.service,
        route=step.route,
        inputs=effect.inputs,
        idempotency_key=barrier_key(acting.saga_id, step.name, "forward", effect.index),
        correlation_id=context.correlation_id,
        trace=context.traceparent,
    )


def _outcome(text: str) -> Outcome:
    match text:
        case "succeeded":
            return "succeeded"
        case "expired":
            return "expired"
        case _:
            return "failed"
