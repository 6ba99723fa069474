"""One business transaction is one tree of spans, across outbox, relay and inbox."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import telemetry, tracing
from chassis.dispatch import Record
from chassis.outbox import EventOutbox
from chassis.work import MessageContext


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def publish(context: MessageContext) -> dict[str, str]:
    outbox = EventOutbox(cast(Any, SimpleNamespace(source="/s")), cast(Any, None), {})
    message = outbox.envelope(topic="t", key="k", ce_type="a.B.v1", payload=b"", context=context, subject="s")
    return message.headers


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    (found,) = (span for span in exporter.get_finished_spans() if span.name == name)
    return found


def test_one_tree(spans: InMemorySpanExporter) -> None:
    with telemetry.span("request", kind="server"):
        headers = publish(MessageContext(correlation_id="c"))
    assert tracing.is_sampled(headers)
    hop_span, hop = tracing.send_span("t", "k", headers)
    hop_span.end()
    with tracing.process_span(Record("t", 0, 5, "k", headers | hop, b""), "group"):
        answer = publish(MessageContext(correlation_id="c"))
    request, send, process = (named(spans, name) for name in ("request", "send t", "process t"))
    create, _ = (span for span in spans.get_finished_spans() if span.name == "create t")
    assert {span.context.trace_id for span in (request, create, send, process)} == {request.context.trace_id}
    assert create.parent.span_id == request.context.span_id
    assert send.parent.span_id == process.parent.span_id == create.context.span_id
    assert [link.context.span_id for link in process.links] == [send.context.span_id]
    assert answer["ce_traceparent"].split("-")[1] == f"{request.context.trace_id:032x}"
    wanted = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.destination.name": "t",
        "messaging.consumer.group.name": "group",
        "messaging.message.conversation_id": "c",
        "messaging.kafka.message.key": "k",
        "messaging.message.id": headers["ce_id"],
    }
    assert wanted.items() <= dict(process.attributes or {}).items()


def test_cause_is_the_parent_where_no_span_is_open(spans: InMemorySpanExporter) -> None:
    cause = f"00-{7:032x}-{9:016x}-01"
    headers = publish(MessageContext(traceparent=cause))
    assert headers["ce_traceparent"].split("-")[1] == f"{7:032x}"
    assert named(spans, "create t").parent.span_id == 9


def test_record_without_trace_begins_one(spans: InMemorySpanExporter) -> None:
    with tracing.process_span(Record("t", 0, 0, "k", {}, b""), "group"):
        pass
    assert named(spans, "process t").parent is None


def test_failure_marks_the_span(spans: InMemorySpanExporter) -> None:
    with pytest.raises(KeyError), tracing.process_span(Record("t", 0, 0, "k", {}, b""), "group"):
        raise KeyError
    span = named(spans, "process t")
    assert span.status.status_code is trace.StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "KeyError"


def test_nothing_is_sent_of_a_trace_that_is_not_recorded() -> None:
    assert not tracing.is_sampled({"ce_traceparent": f"00-{7:032x}-{9:016x}-00"})
    assert not tracing.is_sampled({})
    assert not tracing.is_sampled({"ce_traceparent": "nonsense"})
    assert tracing.is_sampled({"ce_traceparent": f"00-{7:032x}-{9:016x}-03"}), "other flags say nothing about that"
