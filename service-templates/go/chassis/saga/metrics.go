package saga

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chassis/database"
	"chassis/saga/machine"
)

var (
	meter    = otel.Meter("chassis")
	duration = must(meter.Float64Histogram("fleet.saga.duration", metric.WithUnit("s"),
		metric.WithDescription("From start to a terminal status")))
	lateReplies = must(meter.Int64Counter("fleet.saga.late_replies",
		metric.WithDescription("Replies to commands that are closed")))
	overdue = must(meter.Int64Counter("fleet.fulfilment.overdue",
		metric.WithDescription("Choreographies declared overdue")))
)

func must[T any](made T, err error) T {
	if err != nil {
		panic(err) // a name or unit is wrong: nothing that happens at run time
	}
	return made
}

const countLive = `
SELECT saga_type, status, count(*) FROM saga_instance
 WHERE status IN ('running', 'compensating', 'stuck') GROUP BY saga_type, status`

// Observe reports the live sagas by type and status whenever metrics are collected. The counts come from the database, so
// that every instance of a service reports the same and a restart forgets nothing: whoever adds up instances must take
// the largest, not the sum. Of sagas that this service owns it is said, too, when there are none.
func (e *Engine) Observe(db *database.Database) error {
	ctx := context.Background()
	lateReplies.Add(ctx, 0) // so that a dashboard shows none instead of nothing
	overdue.Add(ctx, 0)
	active, err := meter.Int64ObservableGauge("fleet.saga.active", metric.WithDescription("Live sagas by type and status"))
	if err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	stuck, err := meter.Int64ObservableGauge("fleet.saga.stuck", metric.WithDescription("Sagas that wait for an operator"))
	if err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	_, err = meter.RegisterCallback(func(ctx context.Context, observer metric.Observer) error {
		counts, err := e.census(ctx, db)
		if err != nil {
			return nil // the database is away; other metrics are not
		}
		for of, count := range counts {
			kind := attribute.String("saga.type", of.saga)
			observer.ObserveInt64(active, count, metric.WithAttributes(kind, attribute.String("saga.status", string(of.status))))
			if of.status == machine.Stuck {
				observer.ObserveInt64(stuck, count, metric.WithAttributes(kind))
			}
		}
		return nil
	}, active, stuck)
	return err
}

type counted struct {
	saga   string
	status machine.Status
}

func (e *Engine) census(ctx context.Context, db *database.Database) (map[counted]int64, error) {
	counts := map[counted]int64{}
	for _, flow := range e.ports.flows.Current() {
		for _, status := range []machine.Status{machine.Running, machine.Compensating, machine.Stuck} {
			if e.ports.owns(flow) {
				counts[counted{flow.Name(), status}] = 0
			}
		}
	}
	rows, err := db.Pool().Query(ctx, countLive)
	if err != nil {
		return nil, err
	}
	var of counted
	var count int64
	_, err = pgx.ForEachRow(rows, []any{&of.saga, &of.status, &count}, func() error {
		counts[of] = count
		return nil
	})
	return counts, err
}

func recordDuration(at acting, state machine.State) {
	if state.FinishedAt == nil {
		return
	}
	seconds := state.FinishedAt.Sub(state.StartedAt).Seconds()
	attributes := metric.WithAttributes(
		attribute.String("saga.type", at.flow.Name()), attribute.String("saga.status", string(state.Status)))
	at.work.OnCommit(func() { duration.Record(context.Background(), seconds, attributes) })
}
