"""What leaves the process: spans, logs, and nothing sensitive in either."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from chassis import telemetry
from chassis.definition import Definition
from chassis.exporting import LateSpanExporter, tracers
from chassis.logs import JsonFormatter, redact, redacted_record, sensitive_names, without_details
from chassis.testing import ApiClient, MemoryRepository
from tiny_service import facts, tiny_service

NAMES = sensitive_names(Definition.model_validate(facts()))
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-2] + "00"


class Kept(SpanExporter):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


@pytest.fixture
def kept() -> Kept:
    return Kept()


def provider(kept: Kept, sampling: float = 1.0) -> TracerProvider:
    return tracers(Resource({}), sampling, LateSpanExporter(lambda: kept, NAMES))


@pytest.fixture
def spans(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ReadableSpan]]:
    """Spans of this test, sent as the service sends them."""
    real = provider(kept)
    monkeypatch.setattr(telemetry, "tracer", real.get_tracer("test"))
    yield kept.spans
    real.shutdown()


def by_name(spans: list[ReadableSpan], name: str) -> ReadableSpan:
    return next(span for span in spans if span.name == name)


def flush() -> None:
    telemetry.tracer.span_processor.force_flush()  # type: ignore[attr-defined]


def test_request_is_a_span_in_the_callers_trace(spans: list[ReadableSpan]) -> None:
    client = ApiClient(tiny_service(MemoryRepository("order_id")))
    client.request("GET", "/orders", headers={"traceparent": PARENT, "x-correlation-id": "c-1"})
    client.request("GET", "/orders", headers={"traceparent": UNSAMPLED})
    flush()
    (span,) = spans
    assert span.name == "GET /orders"
    assert f"{span.context.trace_id:032x}" == PARENT[3:35]
    assert span.kind is trace.SpanKind.SERVER
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/orders",
        "http.response.status_code": 200,
        "fleet.correlation_id": "c-1",
    }


def test_failed_request_is_a_failed_span_without_the_text_of_its_error(spans: list[ReadableSpan]) -> None:
    client = ApiClient(tiny_service(MemoryRepository("order_id")))
    price = {"amount": 1, "currency": "EUR"}
    body = {"customerId": "0197a0c0-0000-7000-8000-00000000000a", "quantity": 1000, "price": price, "email": "a@b.c"}
    assert client.post("/orders", body).status_code == 500
    flush()
    (span,) = spans
    assert span.status.status_code is trace.StatusCode.ERROR
    assert "a@b.c" not in span.to_json()


def test_sensitive_attributes_and_errors_stay_inside(spans: list[ReadableSpan]) -> None:
    with (
        pytest.raises(ValueError, match="Lovelace"),
        telemetry.span("s", attributes={"app.order.email": "Lovelace@x", "n": 1}),
    ):
        raise ValueError("Lovelace@x")
    flush()
    (span,) = spans
    assert dict(span.attributes or {}) == {"app.order.email": "[redacted]", "n": 1, "error.type": "ValueError"}
    assert "Lovelace" not in span.to_json()


def test_share_of_new_traces_and_the_parents_word(kept: Kept) -> None:
    none = provider(kept, 0.0)
    tracer = none.get_tracer("t")
    tracer.start_span("new").end()
    tracer.start_span("followed", telemetry.extract({"traceparent": PARENT})).end()
    none.shutdown()
    some = provider(kept, 0.5)
    tracer = some.get_tracer("t")
    for _ in range(200):
        tracer.start_span("half").end()
    tracer.start_span("refused", telemetry.extract({"traceparent": UNSAMPLED})).end()
    some.shutdown()
    names = [span.name for span in kept.spans]
    assert "new" not in names
    assert "followed" in names
    assert "refused" not in names
    assert 50 < names.count("half") < 150


def test_links_and_baggage(spans: list[ReadableSpan]) -> None:
    headers: dict[str, str] = {}
    with telemetry.span(
        "p", parent={"traceparent": PARENT, "baggage": "tenant=t1"}, links=(None, "nonsense", UNSAMPLED)
    ):
        telemetry.inject(headers)
        assert telemetry.current_traceparent() == headers["traceparent"]
    flush()
    assert [f"{link.context.span_id:016x}" for link in by_name(spans, "p").links] == [UNSAMPLED[36:52]]
    assert headers["traceparent"].startswith(PARENT[:36])
    assert telemetry.current_traceparent() is None


def test_remote_context_passes_through_without_an_exporter() -> None:
    """A service that exports nothing must not tear the trace of its neighbours."""
    headers: dict[str, str] = {}
    with telemetry.span("p", parent={"traceparent": PARENT}):
        telemetry.inject(headers)
    assert headers["traceparent"] == PARENT


def record(**extra: object) -> logging.LogRecord:
    return logging.getLogger("t").makeRecord("t", logging.INFO, "f", 1, "hello %s", ("ada",), None, extra=extra)


def test_log_line(spans: list[ReadableSpan]) -> None:
    with telemetry.span("s"), telemetry.bound(correlation_id="c", saga_id="s"):
        line = json.loads(
            JsonFormatter("order", NAMES).format(record(count=1, payload={"email": "Lovelace@x", "n": [1]}))
        )
        context = trace.get_current_span().get_span_context()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "t",
        "service": "order",
        "message": "hello ada",
        "correlation_id": "c",
        "saga_id": "s",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "count": 1,
        "payload": {"email": "[redacted]", "n": [1]},
    }


def test_bound_ids_end_with_their_block() -> None:
    with telemetry.bound(correlation_id="a"):
        with telemetry.bound(saga_id="s"):
            assert telemetry.log_context() == {"correlation_id": "a", "saga_id": "s"}
        assert telemetry.log_context() == {"correlation_id": "a"}
    assert telemetry.log_context() == {}


def test_errors_in_logs_keep_their_place_but_not_the_rows_values() -> None:
    text = "duplicate key\nDETAIL:  Key (email)=(Lovelace@x) already exists."
    try:
        raise ValueError(text)
    except ValueError:
        failed = logging.getLogger("t").makeRecord("t", logging.ERROR, "f", 1, "no", (), sys.exc_info())
    line = json.loads(JsonFormatter("order", NAMES).format(failed))
    assert line["error"] == "ValueError"
    assert "test_telemetry.py" in line["stack"]
    assert "Lovelace" not in line["stack"]
    sent = redacted_record(failed, NAMES)
    assert sent.exc_info is None
    assert "Lovelace" not in sent.stack  # type: ignore[attr-defined]


def test_redaction_at_any_depth() -> None:
    assert redact([{"a": ({"EMAIL": "x"},)}], NAMES) == [{"a": [{"EMAIL": "[redacted]"}]}]
    assert without_details("a\n  DETAIL: b\nc") == "a\nc"


def test_the_sdk_is_not_imported_where_nothing_is_exported() -> None:
    """Imports dominate the start of a service."""
    source = Path(telemetry.__file__).parents[1]
    program = (
        "import sys; import chassis.service, chassis.process; "
        "heavy = {'opentelemetry.sdk', 'jwt', 'requests', 'starlette.testclient'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(source)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
