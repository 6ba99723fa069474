"""A receiver of OTLP over HTTP with protobuf: keeps spans for `smoke`, the last value of a metric, and counts logs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleetgen.runtime.servers.spans import Span, SpanStore
from fleetgen.runtime.servers.web import Answer, Request, json_answer

_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_ERROR = 2  # Status.STATUS_CODE_ERROR
_KEPT = Answer(200, b"", "application/x-protobuf")  # an empty Export…Response


class OtlpReceiver:
    """`/v1/traces`, `/v1/metrics`, `/v1/logs`; what was kept is read at `/traces/{id}`, `/metrics` and `/`."""

    def __init__(self, file: Path) -> None:
        """Spans also go to `file`."""
        self._spans = SpanStore(file)
        self._guard = threading.Lock()
        self._metrics: dict[str, dict[str, Any]] = {}
        self._log_records = 0

    def handle(self, request: Request) -> Answer:
        """One call."""
        match (request.method, *request.path):
            case ("POST", "v1", signal):
                return self._receive(signal, request.body)
            case ("GET", "traces", identity):
                return json_answer([asdict(span) for span in self._spans.trace(identity)])
            case ("GET", "metrics"):
                with self._guard:
                    return json_answer([self._metrics[key] for key in sorted(self._metrics)])
            case ("GET",):
                return json_answer({**self._spans.summary(), "logs": self._log_records})
        return json_answer({"message": "no such call"}, 404)

    def _receive(self, signal: str, body: bytes) -> Answer:
        try:
            match signal:
                case "traces":
                    self._spans.add(_spans(ExportTraceServiceRequest.FromString(body)))
                case "metrics":
                    values = dict(_metrics(ExportMetricsServiceRequest.FromString(body)))
                    with self._guard:
                        self._metrics.update(values)
                case "logs":
                    records = ExportLogsServiceRequest.FromString(body)
                    count = sum(len(scope.log_records) for item in records.resource_logs for scope in item.scope_logs)
                    with self._guard:
                        self._log_records += count
                case _:
                    return json_answer({"message": f"no signal `{signal}`"}, 404)
        except DecodeError as broken:
            raise ValueError(f"not protobuf of OTLP: {broken}") from broken
        return _KEPT


def _spans(request: Any) -> Iterator[Span]:
    for item in request.resource_spans:
        service = str(_plain(item.resource.attributes).get("service.name", ""))
        for scope in item.scope_spans:
            for span in scope.spans:
                yield _span(service, span)


def _span(service: str, span: Any) -> Span:
    return Span(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        service=service,
        name=span.name,
        kind=_KINDS[span.kind] if span.kind < len(_KINDS) else "",
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        error=(span.status.message or "error") if span.status.code == _ERROR else "",
        attributes=_plain(span.attributes),
        links=tuple(link.span_id.hex() for link in span.links),
    )


def _metrics(request: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in request.resource_metrics:
        service = str(_plain(item.resource.attributes).get("service.name", ""))
        for scope in item.scope_metrics:
            for metric in scope.metrics:
                data = getattr(metric, metric.WhichOneof("data") or "gauge")
                for point in data.data_points:
                    labels = _plain(point.attributes)
                    yield f"{service} {metric.name} {sorted(labels.items())}", {
                        "service": service, "name": metric.name, "attributes": labels, "value": _value(point),
                    }  # fmt: skip


def _value(point: Any) -> Any:
    if hasattr(point, "as_double"):
        return point.as_double if point.WhichOneof("value") == "as_double" else point.as_int
    return {"count": point.count, "sum": point.sum}


def _plain(attributes: Any) -> dict[str, Any]:
    return {item.key: _any(item.value) for item in attributes}


def _any(value: Any) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_any(item) for item in value.array_value.values]
        case "kvlist_value":
            return _plain(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case None:
            return None
        case kind:
            return getattr(value, kind)
