"""Traces, metrics and log context of a service. Everything here works without an exporter, and then costs little.

Only the API of OpenTelemetry is imported here; `chassis.exporting` brings the SDK when there is somewhere to send to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

from opentelemetry import context, metrics, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Attributes = Mapping[str, str | int | float | bool]

CORRELATION = "fleet.correlation_id"

tracer = trace.get_tracer("chassis")
meter = metrics.get_meter("chassis")

# Propagators by hand: `opentelemetry.propagate` searches all installed packages for them, which takes long.
_TRACE = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()
_KINDS = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_bound: ContextVar[Mapping[str, str]] = ContextVar("fleet_bound", default={})  # noqa: B039 - never mutated


@contextmanager
def span(
    name: str,
    *,
    kind: Literal["internal", "server", "client", "producer", "consumer"] = "internal",
    parent: Mapping[str, str] | None = None,
    links: Sequence[str | None] = (),
    attributes: Attributes | None = None,
) -> Iterator[Span]:
    """A span, current inside the block.

    `parent` are headers of a request or record (`traceparent`, `tracestate`, `baggage`); without them the current span
    is the parent. `links` are further `traceparent` values. An exception marks the span by its type: its text may hold
    what must not leave the service.
    """
    extracted = extract(parent) if parent is not None else None
    known = [link for link in map(_link, links) if link is not None]
    bound = {f"fleet.{key}": value for key, value in _bound.get().items()}
    with tracer.start_as_current_span(
        name,
        context=extracted,
        kind=_KINDS[kind],
        links=known,
        attributes={**bound, **(attributes or {})},
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            failed(current, type(error).__name__)
            raise


def failed(current: Span, error_type: str) -> None:
    """Mark a span as failed."""
    current.set_attribute("error.type", error_type)
    current.set_status(StatusCode.ERROR)


def extract(headers: Mapping[str, str]) -> context.Context:
    """The remote span that headers speak of."""
    # an empty context first: a record without trace headers begins a trace of its own
    return _BAGGAGE.extract(headers, _TRACE.extract(headers, context.Context()))


def inject(headers: MutableMapping[str, str]) -> None:
    """Write the current span into headers of a request or record."""
    _TRACE.inject(headers)
    _BAGGAGE.inject(headers)


def current_traceparent() -> str | None:
    """The current span as a `traceparent`, `None` outside of any span."""
    headers: dict[str, str] = {}
    _TRACE.inject(headers)
    return headers.get("traceparent")


def _link(traceparent: str | None) -> Link | None:
    if not traceparent:
        return None
    remote = trace.get_current_span(_TRACE.extract({"traceparent": traceparent}, context.Context())).get_span_context()
    return Link(remote) if remote.is_valid else None


@contextmanager
def bound(*, correlation_id: str = "", saga_id: str = "") -> Iterator[None]:
    """Let all logs and spans inside carry these ids."""
    given = {"correlation_id": correlation_id, "saga_id": saga_id}
    token = _bound.set({**_bound.get(), **{key: value for key, value in given.items() if value}})
    current = trace.get_current_span()
    for key, value in _bound.get().items():
        current.set_attribute(f"fleet.{key}", value)
    try:
        yield
    finally:
        _bound.reset(token)


def log_context() -> dict[str, Any]:
    """What every log line carries: the ids of the trace, the span, the business transaction and the saga."""
    fields: dict[str, Any] = dict(_bound.get())
    remote = trace.get_current_span().get_span_context()
    if remote.is_valid:
        fields |= {"trace_id": f"{remote.trace_id:032x}", "span_id": f"{remote.span_id:016x}"}
    return fields
