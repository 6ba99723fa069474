"""Carry out one command inside a unit of work: shared by HTTP, policies, schedules and saga participants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from chassis.definition import Command, Saga
from chassis.message import from_wire, to_wire
from chassis.work import SagaHeaders

if TYPE_CHECKING:
    from chassis.service import Service
    from chassis.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of a command: the event as it goes on the wire, and whether it is the command's rejection.

    `saga_id` is set when the command started a saga.
    """

    event_name: str
    event_wire: dict[str, Any]
    rejected: bool
    saga_id: UUID | None = None


class SagaStarter(Protocol):
    """Begins a saga whose first step has just been carried out, in the same transaction."""

    def start(
        self, work: UnitOfWork, saga: Saga, saga_id: UUID, payload: Mapping[str, Any], executed: Executed
    ) -> UUID:
        """Record the saga; the id of the live saga with the same business key if there is one already."""


def execute(
    service: Service,
    name: str,
    payload: Mapping[str, Any],
    work: UnitOfWork,
    *,
    sagas: SagaStarter | None = None,
) -> Executed:
    """Parse `payload` (wire JSON), call the handler, publish its event through `work`.

    A command that starts a saga does so unless it is rejected or is itself a step of a running saga. Raises
    `chassis.message.InvalidMessage` for a payload that does not fit, and the errors of `chassis.domain`.
    The caller owns the transaction.
    """
    facts = service.commands[name]
    command: Any = from_wire(service.messages[name], dict(payload))
    outcome, *others = _events(service.handlers[name](command, work))
    event = service.event_of(outcome).name.text
    executed = Executed(event, to_wire(outcome), _is_rejection(facts, event))
    saga = _started(service, facts, executed, work) if sagas else None
    if saga is None or sagas is None:
        _publish(work, outcome, *others)
        return executed
    new_id = work.new_id()
    saga_id = sagas.start(work, saga, new_id, payload, executed)
    version = saga.version if saga_id == new_id else 0  # one that lives already may be of another
    headers = SagaHeaders(id=saga_id, type=saga.name.text, step=name, version=version)
    with work.using(replace(work.context, saga=headers)):
        _publish(work, outcome, *others)
    return replace(executed, saga_id=saga_id)


def _events(returned: object) -> tuple[object, ...]:
    """A handler returns its event, or a tuple of events of which the first is the outcome."""
    events = returned if isinstance(returned, tuple) else (returned,)
    if not events or events[0] is None:
        raise TypeError("a command handler must return the event of its command")
    return events


def _is_rejection(facts: Command, event: str) -> bool:
    if facts.rejection is not None and event == facts.rejection.text:
        return True
    if event != facts.emits.text:
        raise TypeError(f"{facts.name.text} emits {facts.emits.text}, not {event}")
    return False


def _started(service: Service, facts: Command, executed: Executed, work: UnitOfWork) -> Saga | None:
    if not facts.starts or executed.rejected or work.context.saga is not None:
        return None
    return next(saga for saga in service.definition.sagas if saga.name.text == facts.starts)


def _publish(work: UnitOfWork, *events: object) -> None:
    for event in events:
        work.publish(event)
