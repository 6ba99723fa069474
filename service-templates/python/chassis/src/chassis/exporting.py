"""The SDK of OpenTelemetry, set up once a process: traces, metrics and logs over OTLP (HTTP, protobuf)."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from chassis.logs import REDACTED, redacted_record, sensitive_names

if TYPE_CHECKING:
    from chassis.definition import Definition
    from chassis.settings import Settings

METRICS_EVERY = 15_000  # milliseconds
SPANS_EVERY = 2_000
SPANS_KEPT = 4_096
EXPORT_TIMEOUT = 5.0  # seconds


class Exporting:
    """What was set up, to be flushed and shut down at the end."""

    def __init__(self, settings: Settings, definition: Definition) -> None:
        resource = Resource(
            {
                "service.name": definition.name.text,
                "service.namespace": definition.fleet,
                "service.instance.id": settings.instance,
                "deployment.environment.name": settings.environment,
            }
        )
        self._tracers = tracers(resource, settings.sampling, _span_exporter(settings, definition))
        reader = PeriodicExportingMetricReader(
            LateMetricExporter(settings.otlp_endpoint),
            export_interval_millis=int(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", METRICS_EVERY)),
            export_timeout_millis=EXPORT_TIMEOUT * 1000,
        )
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        send_logs = os.environ.get("OTEL_LOGS_EXPORTER") == "otlp"
        self._logs = _log_provider(settings, definition, resource) if send_logs else None
        trace.set_tracer_provider(self._tracers)
        metrics.set_meter_provider(self._meters)

    def close(self) -> None:
        """Send what is waiting, then stop. A collector that is away must not hold up the end."""
        self._tracers.shutdown()
        self._meters.shutdown(timeout_millis=EXPORT_TIMEOUT * 1000)
        if self._logs is not None:
            self._logs.shutdown()


def tracers(resource: Resource, sampling: float, exporter: SpanExporter) -> TracerProvider:
    """A provider that follows its parent's decision and samples a share of what begins here."""
    provider = TracerProvider(ParentBasedTraceIdRatio(sampling), resource, shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=SPANS_KEPT,
            schedule_delay_millis=int(os.environ.get("OTEL_BSP_SCHEDULE_DELAY", SPANS_EVERY)),
            export_timeout_millis=EXPORT_TIMEOUT * 1000,
        )
    )
    return provider


class LateSpanExporter(SpanExporter):
    """Makes the real exporter at the first batch (its HTTP client takes a fifth of a second to import) and redacts."""

    def __init__(self, make: Callable[[], SpanExporter], names: frozenset[str]) -> None:
        self._make = make
        self._names = names
        self._real: SpanExporter | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        self._real = self._real or self._make()
        return self._real.export([redacted(span, self._names) for span in spans])

    def shutdown(self) -> None:
        """Release the connection."""
        if self._real is not None:
            self._real.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return True


def redacted(span: ReadableSpan, names: frozenset[str]) -> ReadableSpan:
    """The span without sensitive attributes; the last part of an attribute's name says which field it is."""
    attributes = span.attributes or {}
    hidden = {key for key in attributes if key.rpartition(".")[2].lower() in names}
    if not hidden:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={key: REDACTED if key in hidden else value for key, value in attributes.items()},
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class LateMetricExporter(MetricExporter):
    """Makes the real exporter at the first export; see `LateSpanExporter`."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(preferred_temporality={})  # cumulative, as Prometheus wants it
        self._endpoint = endpoint
        self._real: MetricExporter | None = None

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: Any) -> MetricExportResult:
        """Send one reading."""
        if self._real is None:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

            self._real = OTLPMetricExporter(f"{self._endpoint}/v1/metrics", timeout=EXPORT_TIMEOUT)
        return self._real.export(metrics_data, timeout_millis, **options)

    def shutdown(self, timeout_millis: float = 30_000, **options: Any) -> None:
        """Release the connection."""
        if self._real is not None:
            self._real.shutdown(timeout_millis, **options)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is kept here."""
        return True


def _span_exporter(settings: Settings, definition: Definition) -> SpanExporter:
    def make() -> SpanExporter:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        return OTLPSpanExporter(f"{settings.otlp_endpoint}/v1/traces", timeout=EXPORT_TIMEOUT)

    return LateSpanExporter(make, sensitive_names(definition))


def _log_provider(settings: Settings, definition: Definition, resource: Resource) -> Any:
    """Logs over OTLP too, besides stdout, when `OTEL_LOGS_EXPORTER=otlp` asks for them."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler  # noqa: PLC0415
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: PLC0415

    names = sensitive_names(definition)

    class RedactingHandler(LoggingHandler):
        def emit(self, record: logging.LogRecord) -> None:
            super().emit(redacted_record(record, names))

    provider = LoggerProvider(resource, shutdown_on_exit=False)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(f"{settings.otlp_endpoint}/v1/logs", timeout=EXPORT_TIMEOUT))
    )
    logging.getLogger().addHandler(RedactingHandler(logger_provider=provider))
    return provider
