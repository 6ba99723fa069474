import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleetgen.runtime.servers import spans as store
from fleetgen.runtime.servers.otlp import OtlpReceiver
from fleetgen.runtime.servers.spans import Span, SpanStore, span_of
from fleetgen.runtime.servers.web import Request


def call(receiver: OtlpReceiver, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    answer = receiver.handle(Request(method, tuple(part for part in path.split("/") if part), {}, {}, body))
    return answer.status, json.loads(answer.body) if answer.body else None


def traces(trace: str = "aa" * 16, name: str = "POST /orders") -> bytes:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "order"
    span = resource.scope_spans.add().spans.add(
        trace_id=bytes.fromhex(trace), span_id=b"\1" * 8, parent_span_id=b"\2" * 8, name=name, kind=2,
        start_time_unix_nano=1_000, end_time_unix_nano=3_000,
    )  # fmt: skip
    span.attributes.add(key="http.response.status_code").value.int_value = 201
    span.links.add(span_id=b"\3" * 8)
    span.status.code = 2
    span.status.message = "bad"
    body: bytes = request.SerializeToString()
    return body


@pytest.fixture
def receiver(tmp_path: Path) -> OtlpReceiver:
    return OtlpReceiver(tmp_path / "spans.jsonl")


def test_spans_are_kept_in_memory_and_on_disk(receiver: OtlpReceiver, tmp_path: Path) -> None:
    assert call(receiver, "POST", "v1/traces", traces()) == (200, None)
    (found,) = call(receiver, "GET", f"traces/{'aa' * 16}")[1]
    span = span_of(found)
    assert (span.service, span.name, span.kind, span.parent, span.error) == (
        "order",
        "POST /orders",
        "server",
        "02" * 8,
        "bad",
    )
    assert (span.start, span.end, span.attributes, span.links) == (
        1000,
        3000,
        {"http.response.status_code": 201},
        ("03" * 8,),
    )
    assert span_of(json.loads((tmp_path / "spans.jsonl").read_text())) == span


def test_an_unknown_trace_is_empty(receiver: OtlpReceiver) -> None:
    assert call(receiver, "GET", "traces/ff") == (200, [])


def test_metrics_keep_their_last_value(receiver: OtlpReceiver) -> None:
    for value in (1, 2):
        request = ExportMetricsServiceRequest()
        metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="fleet.outbox.pending")
        metric.gauge.data_points.add(as_int=value)
        call(receiver, "POST", "v1/metrics", request.SerializeToString())
    assert [item["value"] for item in call(receiver, "GET", "metrics")[1]] == [2]


def test_histograms_give_count_and_sum(receiver: OtlpReceiver) -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="fleet.saga.duration")
    metric.histogram.data_points.add(count=3, sum=1.5)
    call(receiver, "POST", "v1/metrics", request.SerializeToString())
    assert call(receiver, "GET", "metrics")[1][0]["value"] == {"count": 3, "sum": 1.5}


def test_logs_are_counted(receiver: OtlpReceiver) -> None:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add()
    call(receiver, "POST", "v1/logs", request.SerializeToString())
    assert call(receiver, "GET", "")[1]["logs"] == 1


def test_what_is_not_protobuf_is_refused(receiver: OtlpReceiver) -> None:
    with pytest.raises(ValueError, match="protobuf"):
        call(receiver, "POST", "v1/traces", b"\xff\xff\xff")
    assert call(receiver, "POST", "v1/profiles")[0] == 404


def test_the_oldest_traces_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_SPANS", 2)
    receiver = OtlpReceiver(tmp_path / "spans.jsonl")
    for trace in ("aa", "bb", "cc"):
        call(receiver, "POST", "v1/traces", traces(trace * 16))
    assert [len(call(receiver, "GET", f"traces/{trace * 16}")[1]) for trace in ("aa", "bb", "cc")] == [0, 1, 1]


def test_the_file_is_turned_over_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_FILE_BYTES", 10)
    kept = SpanStore(tmp_path / "spans.jsonl")
    for _ in range(3):
        kept.add([Span("t", "i", "", "s", "n", "", 0, 1, "", {})])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["spans.jsonl", "spans.old.jsonl"]
