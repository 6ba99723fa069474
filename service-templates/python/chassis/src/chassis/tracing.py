"""Spans of messages.

A message has a creation context, the span made while it was published: it travels as `ce_traceparent` and is the parent
of every span that handles the message, so that one business transaction is one tree. `traceparent` names the last hop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, TraceFlags

from chassis import telemetry
from chassis.dispatch import Record
from chassis.work import MessageContext

_tracer = trace.get_tracer("chassis.messaging")
_FLAGS = re.compile("[0-9a-f]{2}")


def create_span(topic: str, key: str, message_id: str, context: MessageContext) -> dict[str, str]:
    """Record the creation of a message; gives its trace headers."""
    inside = trace.get_current_span().get_span_context().is_valid
    parent = {"traceparent": context.traceparent} if context.traceparent and not inside else None
    attributes = _attributes("create", topic, key, message_id, context.correlation_id)
    with telemetry.span(f"create {topic}", kind="producer", parent=parent, attributes=attributes):
        headers: dict[str, str] = {}
        telemetry.inject(headers)
    if "traceparent" in headers:
        headers["ce_traceparent"] = headers["traceparent"]
    return headers


def is_sampled(headers: Mapping[str, str]) -> bool:
    """Whether the trace of a message is recorded: spares the relay spans that nobody would see."""
    flags = headers.get("ce_traceparent", "").rpartition("-")[2]
    return bool(_FLAGS.fullmatch(flags)) and bool(int(flags, 16) & TraceFlags.SAMPLED)


def send_span(topic: str, key: str, headers: Mapping[str, str]) -> tuple[Span, dict[str, str]]:
    """The hop of a message from outbox to broker, below its creation, and its headers.

    Whoever calls ends the span when the broker has answered.
    """
    span = _tracer.start_span(
        f"send {topic}",
        telemetry.extract({"traceparent": headers["ce_traceparent"]}),
        SpanKind.CLIENT,
        _attributes("send", topic, key, headers.get("ce_id", ""), headers.get("ce_correlationid", "")),
    )
    hop = span.get_span_context()
    if not hop.is_valid:
        return span, {}
    return span, {"traceparent": f"00-{hop.trace_id:032x}-{hop.span_id:016x}-{hop.trace_flags:02x}"}


@contextmanager
def process_span(record: Record, group: str) -> Iterator[Span]:
    """The handling of a record: a child of the message's creation, linked to the hop it came by."""
    headers = record.headers
    hop = headers.get("traceparent")
    creation = headers.get("ce_traceparent") or hop
    parent: dict[str, str] = {name: headers[name] for name in ("tracestate", "baggage") if name in headers}
    if creation:
        parent["traceparent"] = creation
    attributes = _attributes("process", record.topic, record.key, record.ce_id, headers.get("ce_correlationid", ""))
    attributes |= {
        "messaging.consumer.group.name": group,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
    }
    links = (hop,) if hop != creation else ()
    name = f"process {record.topic}"
    with telemetry.span(name, kind="consumer", parent=parent, links=links, attributes=attributes) as span:
        yield span


def _attributes(operation: str, topic: str, key: str, message_id: str, correlation: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": message_id,
        "messaging.message.conversation_id": correlation,
        "messaging.kafka.message.key": key,
    }
