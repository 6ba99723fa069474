"""The sagas of one service, whatever its part in them.

How a service composes it:

```python
# execute(name, wire, work) -> Executed, as below; call = PeerClient.post; outbox = EventOutbox
engine = SagaEngine(definition, codec, outbox, execute, call)
executed = execute(service, name, payload, work, sagas=engine)   # a first command starts its saga: `engine.start`
dispatch = dispatch.merged(engine.handlers()).merged(engine.command_handlers())
timers = engine.timers(database); timers.start(); ...; timers.stop()
SagaAdmin(engine, database)                                      # see `chassis.saga.admin`
with database.work() as work: engine.check(work)                 # at start, after the migrations
```

`execute` must be given `sagas=engine` too, so that a step may start another saga. A command that comes as a synchronous
request and belongs to a saga (`work.context.saga` is set) goes through `engine.perform` instead of `execute`: only then
can it be undone. `handlers` and `command_handlers` are by `ce_type` and run in the inbox's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from chassis import faults
from chassis.definition import Definition, Saga
from chassis.dispatch import REPLY, Handler, Record
from chassis.saga import definitions, envelopes, participation
from chassis.saga.acting import Acting
from chassis.saga.conductor import Conductor
from chassis.saga.envelopes import Envelopes
from chassis.saga.flow import Flow, read_part
from chassis.saga.history import NOTICES, Notice, Role, Seen
from chassis.saga.monitor import Monitor
from chassis.saga.participant import Participant, remembered
from chassis.saga.performer import Performer
from chassis.saga.ports import Call, Decoder, Execute, Ports, in_saga
from chassis.saga.timers import SagaTimers
from chassis.work import SagaHeaders, UnitOfWork

if TYPE_CHECKING:
    from chassis.database import Database
    from chassis.execute import Executed


class SagaDefinitionMismatch(Exception):
    """Live sagas could not go on with the definitions that are there: the service must not start."""


class SagaEngine:
    """Threads may share it."""

    def __init__(
        self, definition: Definition, codec: Decoder, outbox: Envelopes, execute: Execute, call: Call | None = None
    ) -> None:
        """`call` is only needed by who conducts a saga with `call` steps."""
        self.ports = Ports(definition, codec, outbox, execute)
        self.call = call
        self._wakers: list[Callable[[], None]] = []
        self.conductor = Conductor(self.ports, self._wake)
        self.monitor = Monitor(self.ports)
        self.performer = Performer(self.ports, self._wake, self.monitor.observe)
        self.monitor.tell(self.performer)
        self.participant = Participant(self.ports)

    def start(
        self, work: UnitOfWork, saga: Saga, saga_id: UUID, payload: Mapping[str, Any], executed: Executed
    ) -> UUID:
        """The first command has just succeeded: begin its saga in the same transaction.

        Gives the saga's id: that of the live one where there is one for the same aggregate already.
        """
        flow = self.ports.flows[saga.name.text]
        key = str(executed.event_wire[self.ports.definition.events_by_name[executed.event_name].subject])
        owner: Conductor | Monitor = self.conductor if saga.mode == "orchestration" else self.monitor
        acting = Acting(work, flow, saga_id)
        with in_saga(work, flow, saga_id):
            live = owner.start(acting, payload, executed.event_wire, key)
            if live is not None:
                return live
            if saga.mode == "choreography":
                self.performer.start(acting, payload, executed.event_wire)
            else:
                self._remember_first(acting, payload, executed)
        work.on_commit(lambda: faults.point("saga.after_start", flow.step(1).name))
        return saga_id

    def perform(self, name: str, payload: Mapping[str, Any], work: UnitOfWork) -> Executed:
        """Carry out a step that came as a synchronous request. See `Participant.perform`."""
        return self.participant.perform(name, payload, work)

    def handlers(self) -> dict[str, list[Handler]]:
        """Handlers of events, replies and notices by `ce_type`."""
        found: dict[str, list[Handler]] = {}
        for flow in self.ports.flows.all():
            if flow.saga.mode == "orchestration":
                if self.ports.owns(flow):
                    found[REPLY] = [self.conductor.reply]
                continue
            found |= {kind: [self._notice] for kind in NOTICES}
            for step in flow.steps:
                for name in (step.succeeds_with, step.refuses_with, step.undone_with):
                    if event := self.ports.definition.events_by_name.get(name):
                        found[event.type] = [self._observe]
        return found

    def command_handlers(self) -> dict[str, list[Handler]]:
        """Handlers of the commands that conductors send to this service, by `ce_type`."""
        return {
            kind: [self.participant.command]
            for flow in self.ports.flows.all()
            if flow.saga.mode == "orchestration"
            for step in flow.steps
            if step.service == self.ports.me
            for kind in (step.command_type, step.undo_type)
            if kind
        }

    def timers(self, database: Database) -> SagaTimers:
        """The thread that does what is due. To be started and stopped by the service."""
        timers = SagaTimers(self, database)
        self._wakers.append(timers.wake)
        return timers

    def check(self, work: UnitOfWork) -> None:
        """Take up the versions that still run, and keep the present ones for later.

        To be called before the handlers are asked for: older versions may need more of them. Raises
        `SagaDefinitionMismatch` when live sagas could not go on.
        """
        definition, known = self.ports.definition, definitions.stored(work.connection)
        found = list(definitions.faults(definition, known, definitions.live(work.connection)))
        if found:
            raise SagaDefinitionMismatch("; ".join(found))
        for saga in definition.sagas:
            definitions.store(work.connection, saga)
        for saga in known.values():
            self.ports.flows.keep(saga)

    # -- records

    def _observe(self, record: Record, work: UnitOfWork) -> None:
        """An event of a choreographed saga; events that belong to none, or to one not known here, are nobody's."""
        saga = SagaHeaders.of(record.headers)
        flow = self.ports.flows.of(saga.type, saga.version) if saga else None
        if saga is None or flow is None or flow.saga.mode != "choreography":
            return
        flow = self.ports.flow(saga)
        role = self._role(flow, saga, record)
        if role is None:
            return  # an event beside the step's outcome
        index, total = read_part(saga.part)
        payload = self.ports.codec.decode(record)
        seen = Seen(step=saga.step, role=role, payload=payload, index=index, total=total)
        self._happened(work, flow, saga.id, seen)

    def _role(self, flow: Flow, saga: SagaHeaders, record: Record) -> Role | None:
        step = flow.step(flow.seq(saga.step))
        name = self.ports.definition.events_by_type[record.ce_type].name.text
        if saga.direction == "compensate":
            return "undone" if name == step.undone_with else None
        if name == step.succeeds_with:
            return "succeeded"
        return "refused" if name == step.refuses_with else None

    def _notice(self, record: Record, work: UnitOfWork) -> None:
        saga = SagaHeaders.of(record.headers)
        flow = self.ports.flows.of(saga.type, saga.version) if saga else None
        if saga is not None and flow is not None and flow.saga.mode == "choreography":
            notice = envelopes.read_notice(record.ce_type, self.ports.codec.decode(record))
            self._happened(work, flow, saga.id, notice)

    def _happened(self, work: UnitOfWork, flow: Flow, saga_id: UUID, given: Seen | Notice) -> None:
        with in_saga(work, flow, saga_id):
            acting = Acting(work, flow, saga_id)
            self.performer.take_in(acting, given)
            self.monitor.observe(acting, given)

    # -- the rest

    def _remember_first(self, acting: Acting, payload: Mapping[str, Any], executed: Executed) -> None:
        """The first step has no command on the bus, but its compensation will be one."""
        work, flow, saga_id = acting.work, acting.flow, acting.saga_id
        first = flow.step(1).name
        participation.lock(work, saga_id, flow.name, flow.saga.version)
        participation.take(work, saga_id, first, "forward")
        participation.save(work, saga_id, remembered(first, payload, executed.event_name, executed.event_wire))

    def _wake(self) -> None:
        for wake in self._wakers:
            wake()
