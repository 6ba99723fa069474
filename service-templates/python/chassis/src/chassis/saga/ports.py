"""What the sagas of a service need of the rest of it, and what they share among themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from opentelemetry import trace

from chassis import telemetry
from chassis.definition import Definition, Route
from chassis.dispatch import PermanentFailure, Record
from chassis.saga.envelopes import Envelopes
from chassis.saga.flow import Flow
from chassis.saga.flows import Flows
from chassis.work import SagaHeaders, UnitOfWork

if TYPE_CHECKING:
    from chassis.execute import Executed
    from chassis.http.client import PeerAnswer

log = logging.getLogger("chassis.saga")

Execute = Callable[[str, Mapping[str, Any], UnitOfWork], "Executed"]
"""Carries out an own command by name, within the unit of work, and publishes its event with the context's saga."""


class Decoder(Protocol):
    """What sagas need of `chassis.codec.Codec`."""

    def decode(self, record: Record) -> dict[str, Any]:
        """The wire JSON of a record."""


class Call(Protocol):
    """Posts a command to a peer: `chassis.http.client.PeerClient.post`."""

    def __call__(
        self,
        peer: str,
        route: Route,
        inputs: Mapping[str, Any],
        *,
        idempotency_key: str,
        correlation_id: str,
        saga: SagaHeaders | None = None,
    ) -> PeerAnswer:
        """The outcome; raises `PeerUnavailable` when there is none."""


@dataclass(frozen=True)
class Ports:
    """One for all parts of the engine."""

    definition: Definition
    codec: Decoder
    outbox: Envelopes
    execute: Execute

    @property
    def me(self) -> str:
        """The service's name as sagas spell it."""
        return self.definition.name.kebab

    @cached_property
    def flows(self) -> Flows:
        """By type of saga, and version."""
        return Flows(self.definition.sagas)

    def flow(self, saga: SagaHeaders) -> Flow:
        """The saga that a message belongs to; a message of one that is not known here can never be handled."""
        flow = self.flows.at(saga.type, saga.step, saga.version)
        if flow is None:
            raise PermanentFailure(f"saga {saga.type} with step {saga.step} is not known here", "schema")
        return flow

    def flow_of(self, saga_type: str, version: int) -> Flow:
        """The version that a saga in the tables began with."""
        flow = self.flows.of(saga_type, version)
        if flow is None:
            raise LookupError(f"saga {saga_type} is not known here")
        return flow

    def owns(self, flow: Flow) -> bool:
        """Whether this service conducts or watches the saga."""
        return flow.saga.owner == self.me


@contextmanager
def in_saga(
    work: UnitOfWork, flow: Flow, saga_id: UUID, *, correlation_id: str = "", trace_of: str | None = None
) -> Iterator[None]:
    """Act for a saga: logs carry its id, and what a timer begins belongs to the trace in which the saga was started."""
    context = work.context
    if correlation_id:
        context = replace(context, correlation_id=correlation_id)
    attributes = {"fleet.saga.type": flow.name, "fleet.saga.mode": flow.saga.mode}
    with (
        _span(f"saga {flow.name}", trace_of, attributes),
        telemetry.bound(correlation_id=context.correlation_id, saga_id=str(saga_id)),
        work.using(replace(context, traceparent=telemetry.current_traceparent() or trace_of or context.traceparent)),
    ):
        yield


@contextmanager
def _span(name: str, trace_of: str | None, attributes: Mapping[str, str]) -> Iterator[None]:
    """The request or record that is being handled has a span, which will do; what a timer begins needs one."""
    active = trace.get_current_span()
    if active.get_span_context().is_valid:
        active.set_attributes(attributes)
        yield
        return
    with telemetry.span(name, parent={"traceparent": trace_of} if trace_of else None, attributes=attributes):
        yield


@contextmanager
def at_step(flow: Flow, step: str, direction: str) -> Iterator[None]:
    """A span of its own for each step."""
    attributes = {"fleet.saga.type": flow.name, "fleet.saga.step": step, "fleet.saga.direction": direction}
    name = step if direction == "forward" else f"undo {step}"
    with telemetry.span(f"step {name}", attributes=attributes):
        yield
