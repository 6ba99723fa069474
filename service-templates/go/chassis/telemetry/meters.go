package telemetry

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chassis/database"
)

var meter = otel.Meter("chassis") // of whatever provider is set, also later

// What outbox, relay and inbox count and measure.
var (
	SentMessages     = counter("messaging.client.sent.messages", "{message}", "Messages the broker acknowledged")
	ConsumedMessages = counter("messaging.client.consumed.messages", "{message}", "Records read")
	Duplicates       = counter("fleet.inbox.duplicates", "{record}", "Records handled before")
	Stale            = counter("fleet.inbox.stale", "{record}", "Records behind their key's cursor")
	Retries          = counter("fleet.retry.messages", "{record}", "Records that failed and went to a retry topic")
	DeadLetters      = counter("fleet.dlq.messages", "{record}", "Records given up")
	Redriven         = counter("fleet.dlq.redriven", "{record}", "Dead letters that an operator sent again")
	ShedRequests     = counter("fleet.shed.requests", "{request}", "Requests turned away under overload")

	OperationDuration = histogram("messaging.client.operation.duration", "Sending a batch")
	ProcessDuration   = histogram("messaging.process.duration", "Handling a record")
	PublishLatency    = histogram("fleet.outbox.publish.latency",
		"From append to acknowledgement, of the oldest message of a batch")
)

// Messaging gives the attributes of a messaging metric, as the semantic conventions name them.
func Messaging(operation, topic, group string) metric.MeasurementOption {
	attributes := []attribute.KeyValue{
		attribute.String("messaging.system", "kafka"),
		attribute.String("messaging.operation.name", operation),
		attribute.String("messaging.destination.name", topic),
	}
	if group != "" {
		attributes = append(attributes, attribute.String("messaging.consumer.group.name", group))
	}
	return metric.WithAttributes(attributes...)
}

const (
	mostCounted = 100_000 // a look at a long backlog must not be a load of its own
	oldest      = `
SELECT coalesce((SELECT extract(epoch FROM clock_timestamp() - created_at) FROM outbox ORDER BY position LIMIT 1), 0)::float8`
	// A transaction that stays open, in any database of the server, keeps dead rows from being cleaned up.
	xmin = `
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
  FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()`
	held = `
SELECT count(*)::float8 FROM (SELECT topic, msg_key FROM outbox WHERE not_before > now()
                              UNION SELECT topic, msg_key FROM outbox_dead) AS held`
)

// Observe registers the gauges that look into the database when metrics are collected; buckets counts the relay's.
func Observe(db *database.Database, buckets func() int) {
	for _, gauge := range []struct {
		name, unit, query string
		parameters        []any
	}{
		{"fleet.outbox.pending", "{message}",
			"SELECT count(*)::float8 FROM (SELECT 1 FROM outbox LIMIT $1) AS pending", []any{mostCounted}},
		{"fleet.outbox.oldest.age", "s", oldest, nil},
		{"fleet.outbox.held.keys", "{key}", held, nil},
		{"fleet.outbox.dead", "{message}", "SELECT count(*)::float8 FROM outbox_dead", nil},
		{"fleet.inbox.parked", "{record}", "SELECT count(*)::float8 FROM inbox_parked", nil},
		{"fleet.inbox.gaps", "{record}", "SELECT count(*)::float8 FROM inbox_parked WHERE reason = 'gap'", nil},
		{"fleet.db.xmin.age", "s", xmin, nil},
	} {
		Gauge(gauge.name, gauge.unit, func(ctx context.Context) (float64, error) {
			var value float64
			err := db.Pool().QueryRow(ctx, gauge.query, gauge.parameters...).Scan(&value)
			return value, err
		})
	}
	Gauge("fleet.relay.buckets", "{bucket}", func(context.Context) (float64, error) { return float64(buckets()), nil })
	ctx := context.Background()
	for _, each := range []metric.Int64Counter{
		SentMessages, ConsumedMessages, Duplicates, Stale, Retries, DeadLetters, Redriven, ShedRequests,
	} {
		each.Add(ctx, 0) // so that a dashboard shows none instead of nothing
	}
}

// OldestAge is how many seconds the oldest message of the outbox has been waiting; readiness depends on it.
func OldestAge(ctx context.Context, db *database.Database) (float64, error) {
	var age float64
	err := db.Pool().QueryRow(ctx, oldest).Scan(&age)
	return age, err
}

// Gauge is looked at when metrics are collected.
func Gauge(name, unit string, look func(context.Context) (float64, error)) {
	_, err := meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithFloat64Callback(
		func(ctx context.Context, observer metric.Float64Observer) error {
			value, err := look(ctx)
			if err != nil {
				slog.DebugContext(ctx, "cannot be observed", "metric", name, "reason", err)
				return nil // the other gauges can
			}
			observer.Observe(value)
			return nil
		}))
	refuse(name, err)
}

func counter(name, unit, text string) metric.Int64Counter {
	made, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(text))
	refuse(name, err)
	return made
}

func histogram(name, text string) metric.Float64Histogram {
	made, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(text))
	refuse(name, err)
	return made
}

func refuse(name string, err error) {
	if err != nil {
		panic("metric " + name + ": " + err.Error()) // its name or unit is wrong: nothing that happens at run time
	}
}

// RequestDuration is how long requests took.
var RequestDuration = histogram("http.server.request.duration", "How long requests took")

// With gives attributes of a measurement.
func With(attributes ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(attributes...)
}
