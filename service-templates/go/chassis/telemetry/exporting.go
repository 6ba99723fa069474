package telemetry

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"

	"chassis/definition"
	"chassis/settings"
)

const (
	exportMost   = 5 * time.Second
	metricsEvery = 15_000 // milliseconds
	spansEvery   = 2_000
	spansKept    = 4_096
)

// Export sends traces and metrics over OTLP (HTTP, protobuf) from now on. What it gives sends what is waiting and ends; a
// collector that is away must not hold up the end.
func Export(ctx context.Context, read *settings.Settings, facts *definition.Definition) (end func() error, err error) {
	of := resource.NewSchemaless(
		attribute.String("service.name", facts.Name.Text),
		attribute.String("service.namespace", facts.Fleet),
		attribute.String("service.instance.id", read.Instance),
		attribute.String("deployment.environment.name", read.Environment),
	)
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(read.OTLPEndpoint+"/v1/traces"),
		otlptracehttp.WithTimeout(exportMost))
	if err != nil {
		return nil, err
	}
	readings, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(read.OTLPEndpoint+"/v1/metrics"),
		otlpmetrichttp.WithTimeout(exportMost))
	if err != nil {
		return nil, err
	}
	tracers := trace.NewTracerProvider(
		trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(read.Sampling))),
		trace.WithResource(of),
		trace.WithSpanProcessor(trace.NewBatchSpanProcessor(redacting{spans, SensitiveNames(facts)},
			trace.WithMaxQueueSize(spansKept), trace.WithExportTimeout(exportMost),
			trace.WithBatchTimeout(milliseconds("OTEL_BSP_SCHEDULE_DELAY", spansEvery)))),
	)
	meters := metric.NewMeterProvider(metric.WithResource(of), metric.WithReader(metric.NewPeriodicReader(readings,
		metric.WithInterval(milliseconds("OTEL_METRIC_EXPORT_INTERVAL", metricsEvery)), metric.WithTimeout(exportMost))))
	otel.SetTracerProvider(tracers)
	otel.SetMeterProvider(meters)
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), exportMost)
		defer cancel()
		return errors.Join(tracers.Shutdown(ctx), meters.Shutdown(ctx))
	}, nil
}

func milliseconds(variable string, otherwise int) time.Duration {
	number, err := strconv.Atoi(os.Getenv(variable))
	if err != nil || number <= 0 {
		number = otherwise
	}
	return time.Duration(number) * time.Millisecond
}

// redacting hides sensitive attributes; the last part of an attribute's name says which field it is.
type redacting struct {
	trace.SpanExporter
	names map[string]bool
}

func (r redacting) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	for i, span := range spans {
		for _, each := range span.Attributes() {
			if r.isHidden(each) {
				spans[i] = hidden{span, r}
				break
			}
		}
	}
	return r.SpanExporter.ExportSpans(ctx, spans)
}

func (r redacting) isHidden(of attribute.KeyValue) bool {
	name := strings.ToLower(string(of.Key))
	return r.names[name[strings.LastIndex(name, ".")+1:]]
}

type hidden struct {
	trace.ReadOnlySpan
	by redacting
}

func (h hidden) Attributes() []attribute.KeyValue {
	shown := make([]attribute.KeyValue, 0, len(h.ReadOnlySpan.Attributes()))
	for _, each := range h.ReadOnlySpan.Attributes() {
		if h.by.isHidden(each) {
			each.Value = attribute.StringValue(redacted)
		}
		shown = append(shown, each)
	}
	return shown
}
