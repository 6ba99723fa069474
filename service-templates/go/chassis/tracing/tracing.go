// Package tracing gives the spans of messages.
//
// A message has a creation context, the span made while it was published: it travels as ce_traceparent and is the parent
// of every span that handles the message, so that one business transaction is one tree. traceparent names the last hop.
package tracing

import (
	"context"
	"encoding/hex"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chassis/message"
	"chassis/telemetry"
)

// Create records the creation of a message and gives its trace headers.
func Create(ctx context.Context, topic, key, id string, cause message.Context) map[string]string {
	var parent map[string]string
	if cause.TraceParent != "" && !trace.SpanContextFromContext(ctx).IsValid() {
		parent = map[string]string{message.TraceParent: cause.TraceParent}
	}
	ctx, span := telemetry.Start(ctx, telemetry.Span{
		Name: "create " + topic, Kind: trace.SpanKindProducer, Parent: parent,
		Attributes: attributes("create", topic, key, id, cause.CorrelationID),
	})
	defer span.End()
	headers := map[string]string{}
	telemetry.Inject(ctx, headers)
	if at := headers[message.TraceParent]; at != "" {
		headers[message.CreationTrace] = at
	}
	return headers
}

// IsSampled tells whether the trace of a message is recorded: spares the relay spans that nobody would see.
func IsSampled(headers map[string]string) bool {
	creation := headers[message.CreationTrace]
	flags, err := hex.DecodeString(creation[strings.LastIndex(creation, "-")+1:])
	return err == nil && len(flags) == 1 && trace.TraceFlags(flags[0]).IsSampled()
}

// Send is the hop of a message from outbox to broker, below its creation, and its traceparent. Whoever calls ends the
// span when the broker has answered.
func Send(ctx context.Context, topic, key string, headers map[string]string) (trace.Span, string) {
	ctx, span := telemetry.Start(ctx, telemetry.Span{
		Name: "send " + topic, Kind: trace.SpanKindClient,
		Parent:     map[string]string{message.TraceParent: headers[message.CreationTrace]},
		Attributes: attributes("send", topic, key, headers[message.ID], headers[message.CorrelationID]),
	})
	return span, telemetry.TraceParent(ctx)
}

// Process is the handling of a record: a child of the message's creation, linked to the hop it came by.
func Process(ctx context.Context, record *message.Record, group string) (context.Context, trace.Span) {
	headers := record.Headers
	hop, creation := headers[message.TraceParent], headers[message.CreationTrace]
	if creation == "" {
		creation = hop
	}
	parent := map[string]string{message.TraceParent: creation}
	for _, name := range []string{message.TraceState, message.Baggage} {
		if value, ok := headers[name]; ok {
			parent[name] = value
		}
	}
	var links []string
	if hop != "" && hop != creation {
		links = []string{hop}
	}
	ctx, span := telemetry.Start(ctx, telemetry.Span{
		Name: "process " + record.Topic, Kind: trace.SpanKindConsumer, Parent: parent, Links: links,
		Attributes: append(attributes("process", record.Topic, record.Key, record.ID(), headers[message.CorrelationID]),
			attribute.String("messaging.consumer.group.name", group),
			attribute.Int("messaging.destination.partition.id", int(record.Partition)),
			attribute.Int64("messaging.kafka.offset", record.Offset)),
	})
	return telemetry.Bind(ctx, telemetry.Bound{
		Correlation: headers[message.CorrelationID], Saga: headers[message.SagaID],
	}), span
}

func attributes(operation, topic, key, id, correlation string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.operation.type", operation),
		attribute.String("messaging.destination.name", topic),
		attribute.String("messaging.message.id", id),
		attribute.String("messaging.message.conversation_id", correlation),
		attribute.String("messaging.kafka.message.key", key),
	}
}
