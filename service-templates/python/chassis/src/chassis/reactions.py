"""What a service does when it sees an event: its own observers, then its policies, all in the inbox's transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from chassis.dispatch import Dispatch, Handler, PermanentFailure, Record
from chassis.execute import SagaStarter
from chassis.message import InvalidMessage, from_wire
from chassis.policies import apply_policy
from chassis.saga.bindings import Unbound
from chassis.translation import own_terms

if TYPE_CHECKING:
    from chassis.definition import Policy
    from chassis.service import Service
    from chassis.work import UnitOfWork

log = logging.getLogger("chassis.reactions")


class Decoder(Protocol):
    """Reads payloads; `chassis.codec.Codec` does."""

    def decode(self, record: Record) -> dict[str, Any]:
        """The wire JSON of a record."""


def event_handlers(service: Service, codec: Decoder, sagas: SagaStarter | None) -> Dispatch:
    """The handlers of all events that the service observes or has policies for, by their type."""
    dispatch = Dispatch()
    events = service.definition.events_by_name
    for name, observe in service.observers.items():
        dispatch.on(events[name].type, _observing(service.messages[name], observe, codec))
    for policy in service.definition.policies:
        dispatch.on(events[policy.event.text].type, _following(service, policy, codec, sagas))
    return dispatch


def _observing(message: type[Any], observe: Callable[..., None], codec: Decoder) -> Handler:
    def handle(record: Record, work: UnitOfWork) -> None:
        try:
            event = from_wire(message, codec.decode(record))
        except InvalidMessage as fault:
            raise PermanentFailure(str(fault), "validation") from fault
        observe(event, work)

    return handle


def _following(service: Service, policy: Policy, codec: Decoder, sagas: SagaStarter | None) -> Handler:
    def handle(record: Record, work: UnitOfWork) -> None:
        try:
            event = own_terms(service, policy.event.text, codec.decode(record))
            apply_policy(service, policy, event, work, sagas=sagas)
        except (InvalidMessage, Unbound) as fault:
            raise PermanentFailure(f"{policy.name.text}: {fault}", "validation") from fault

    return handle
