// Package telemetry gives spans, metrics and the context of log lines. Everything here works without an exporter, and
// then costs little.
package telemetry

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

var propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

func tracer() trace.Tracer { return otel.Tracer("chassis") }

// Span is one span that begins.
type Span struct {
	Name       string
	Kind       trace.SpanKind
	Parent     map[string]string // headers of a request or record (traceparent …); nil: the current span is the parent
	Links      []string          // further traceparent values
	Attributes []attribute.KeyValue
}

// Start begins a span, current in the context that is given back. Whoever calls ends it.
func Start(ctx context.Context, span Span) (context.Context, trace.Span) {
	if span.Parent != nil {
		ctx = Extract(ctx, span.Parent)
	}
	bound := boundOf(ctx)
	attributes := span.Attributes
	if bound.Correlation != "" {
		attributes = append(attributes, attribute.String("fleet.correlation_id", bound.Correlation))
	}
	if bound.Saga != "" {
		attributes = append(attributes, attribute.String("fleet.saga_id", bound.Saga))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(span.Kind), trace.WithAttributes(attributes...)}
	for _, link := range span.Links {
		remote := Extract(ctx, map[string]string{"traceparent": link})
		if at := trace.SpanContextFromContext(remote); at.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: at}))
		}
	}
	return tracer().Start(ctx, span.Name, options...)
}

// Failed marks a span as failed by the type of the error: its text may hold what must not leave the service.
func Failed(span trace.Span, kind string) {
	span.SetAttributes(attribute.String("error.type", kind))
	span.SetStatus(codes.Error, "")
}

// Extract is the context below the remote span that headers speak of; headers without one begin a trace of their own.
func Extract(ctx context.Context, headers map[string]string) context.Context {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	return propagator.Extract(ctx, propagation.MapCarrier(headers))
}

// Inject writes the current span into headers of a request or record.
func Inject(ctx context.Context, headers map[string]string) {
	propagator.Inject(ctx, propagation.MapCarrier(headers))
}

// TraceParent is the current span; empty outside of any.
func TraceParent(ctx context.Context) string {
	headers := map[string]string{}
	propagation.TraceContext{}.Inject(ctx, propagation.MapCarrier(headers))
	return headers["traceparent"]
}

type boundKey struct{}

// Bound are the ids that log lines and spans carry.
type Bound struct{ Correlation, Saga string }

func boundOf(ctx context.Context) Bound {
	bound, _ := ctx.Value(boundKey{}).(Bound)
	return bound
}

// Bind lets all logs and spans below carry these ids.
func Bind(ctx context.Context, ids Bound) context.Context {
	before := boundOf(ctx)
	if ids.Correlation == "" {
		ids.Correlation = before.Correlation
	}
	if ids.Saga == "" {
		ids.Saga = before.Saga
	}
	span := trace.SpanFromContext(ctx)
	if ids.Correlation != "" {
		span.SetAttributes(attribute.String("fleet.correlation_id", ids.Correlation))
	}
	if ids.Saga != "" {
		span.SetAttributes(attribute.String("fleet.saga_id", ids.Saga))
	}
	return context.WithValue(ctx, boundKey{}, ids)
}
