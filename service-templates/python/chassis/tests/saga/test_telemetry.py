"""A saga is one trace, and what sagas report as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from chassis import telemetry, tracing
from chassis.saga import metrics
from saga_fleet import Fleet

Make = Callable[..., Fleet]
BOTH = pytest.mark.parametrize("mode", ["orchestration", "choreography"])


class Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ReadableSpan]]:
    kept, provider = Kept(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"), raising=False)
    yield kept.spans
    provider.shutdown()


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def steps(spans: list[ReadableSpan]) -> set[str]:
    return {span.name for span in spans if span.name.startswith("step ")}


@BOTH
@pytest.mark.parametrize("refusing", ["", "CapturePayment"])
def test_every_step_is_in_the_trace_of_the_request(
    make_fleet: Make, spans: list[ReadableSpan], mode: str, refusing: str
) -> None:
    fleet = make_fleet(mode)
    if refusing:
        fleet.plan(**{refusing: "refuse"})
    with telemetry.span("POST /orders", kind="server") as request:
        saga_id = fleet.place("a")
    fleet.settle()
    assert fleet.status(saga_id) == ("compensated" if refusing else "completed")
    assert {trace_of(span) for span in spans} == {f"{request.get_span_context().trace_id:032x}"}
    forward = {"step AuthorizePayment", "step ReserveStock", "step CheckRisk", "step CapturePayment"}
    undone = {"step undo CheckRisk", "step undo ReserveStock", "step undo AuthorizePayment", "step undo PlaceOrder"}
    assert steps(spans) == forward | (undone if refusing else {"step ConfirmOrder"})


@BOTH
def test_what_a_timer_does_belongs_to_the_same_trace(make_fleet: Make, spans: list[ReadableSpan], mode: str) -> None:
    fleet = make_fleet(mode, call=mode == "orchestration")
    with telemetry.span("POST /orders", kind="server") as request:
        saga_id = fleet.place("a")
    fleet.settle(without=("payment",))
    fleet.restart("order")
    fleet.wait_out(saga_id, without=("payment",))
    fleet.wait_out(saga_id)
    assert {trace_of(span) for span in spans} == {f"{request.get_span_context().trace_id:032x}"}
    assert all(span.parent is not None for span in spans if span.name != "POST /orders")


def test_what_is_counted(make_fleet: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    durations: list[dict[str, str]] = []
    monkeypatch.setattr(metrics.duration, "record", lambda seconds, attributes: durations.append(attributes))
    overdue: list[dict[str, str]] = []
    monkeypatch.setattr(metrics.overdue, "add", lambda n, attributes: overdue.append(attributes))
    fleet = make_fleet("choreography")
    fleet.place("a")
    fleet.settle()
    assert durations == [{"saga.type": "fulfil", "saga.status": "completed"}]
    waiting = fleet.place("a")
    fleet.settle(without=("risk",))
    census = metrics.Census()
    with fleet.order.database.connection() as connection:
        census.count(connection)
    (active,) = census._active(CallbackOptions())
    assert (active.value, active.attributes) == (1, {"saga.type": "fulfil", "saga.status": "running"})
    assert fleet.wait_out(waiting, without=("risk",)) == "stuck"
    assert overdue == [{"saga.type": "fulfil", "saga.step": "CheckRisk"}]
    with fleet.order.database.connection() as connection:
        census.count(connection)
    assert [(one.value, one.attributes) for one in census._stuck(CallbackOptions())] == [(1, {"saga.type": "fulfil"})]
    assert {one.value for one in census._active(CallbackOptions())} == {0, 1}
