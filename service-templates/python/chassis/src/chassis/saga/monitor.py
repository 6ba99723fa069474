"""The owner's side of choreography: follows its sagas in the tables that orchestration uses, and says what is overdue.

In the owner, the participation's row is always locked before the saga's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from chassis import faults
from chassis.saga import envelopes, fulfilment, metrics, participation, store
from chassis.saga.acting import Acting
from chassis.saga.conductor import announce, record_duration
from chassis.saga.history import OVERDUE, RETRY, Notice, Seen
from chassis.saga.instance import Announce, Became, Decision, Operation, SagaState, TimerDue
from chassis.saga.performer import Performer
from chassis.saga.ports import Ports, in_saga
from chassis.saga.store import Stored
from chassis.work import UnitOfWork


class Monitor:
    """Watches the choreographed sagas that this service owns."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._performer: Performer | None = None

    def tell(self, performer: Performer) -> None:
        """Who is to hear in this service what the monitor announces."""
        self._performer = performer

    def start(self, acting: Acting, inputs: Mapping[str, Any], event: Mapping[str, Any], key: str) -> UUID | None:
        """Begin to watch; gives the id of the live saga with the same business key if there is one."""
        work, flow = acting.work, acting.flow
        decision = fulfilment.begin(flow, acting.saga_id, inputs, dict(event), now=store.now(work))
        live = store.create(work, flow, decision.state, key)
        if live is None:
            self._carry_out(acting, decision)
        return live

    def observe(self, acting: Acting, given: Seen | Notice) -> None:
        """Something happened in the saga."""
        if not self._ports.owns(acting.flow):
            return
        stored = store.load(acting.work, acting.saga_id)
        if stored is not None:
            self._decide(acting, stored, given)

    def due(self, work: UnitOfWork, saga_id: UUID, saga_type: str) -> None:
        """The saga's timer has passed, if nobody else is at it."""
        participation.lock(work, saga_id, saga_type)
        stored = store.load(work, saga_id, due=True)
        if stored is not None:
            flow = self._ports.flow_of(saga_type, stored.definition)
            faults.point("saga.timer_claimed", flow.step(stored.state.current_step).name)
            self._decide(Acting(work, flow, saga_id), stored, TimerDue())

    def operate(self, work: UnitOfWork, stored: Stored, given: Operation) -> None:
        """A manual intervention in a saga that is loaded already, its participation locked before."""
        flow = self._ports.flow_of(stored.saga_type, stored.definition)
        self._decide(Acting(work, flow, stored.state.saga_id), stored, given)

    def _decide(self, acting: Acting, stored: Stored, given: Seen | Notice | TimerDue | Operation) -> None:
        work, flow = acting.work, acting.flow
        with in_saga(work, flow, acting.saga_id, correlation_id=stored.correlation_id, trace_of=stored.trace):
            decision = fulfilment.decide(flow, stored.state, given, store.now(work))
            if decision.state != stored.state:
                store.save(work, flow, stored, decision.state)
            self._carry_out(acting, decision)

    def _carry_out(self, acting: Acting, decision: Decision) -> None:
        state, work, flow = decision.state, acting.work, acting.flow
        for effect in decision.effects:
            match effect:
                case Announce():
                    self._announce(acting, state, effect)
                case Became():
                    announce(self._ports, acting, effect)
                    if state.finished_at is not None and effect.status == state.status:
                        work.on_commit(lambda: record_duration(flow, state))
                case _:
                    pass

    def _announce(self, acting: Acting, state: SagaState, effect: Announce) -> None:
        known = state.data if effect.type == RETRY else {}
        notice = Notice(type=effect.type, step=effect.step, force=effect.force, history=known)
        envelopes.notice(self._ports.outbox, acting, notice, effect.reason)
        if self._performer is not None:
            self._performer.note(acting, notice)
        if effect.type == OVERDUE:
            attributes = {"saga.type": acting.flow.name, "saga.step": effect.step}
            acting.work.on_commit(lambda: metrics.overdue.add(1, attributes))
