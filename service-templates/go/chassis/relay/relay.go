// Package relay carries committed messages from the outbox to Kafka and deletes what Kafka has acknowledged.
//
// It reads what is there, in order of position, of the buckets it holds a lease on. There is no cursor: a transaction
// that commits late puts its rows where the next look finds them. Decisions are in package rules.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/faults"
	"chassis/kafka"
	"chassis/rules"
	"chassis/telemetry"
)

// Batch is how many messages are read and sent together.
const Batch = 1000

// Relay sends the outbox of one service. Instances of the service share the buckets among them by leases.
type Relay struct {
	db     *database.Database
	sender kafka.Sender
	leases *Leases
	batch  int

	buckets        atomic.Int64
	brokerFailures int
	wake           chan struct{}
	stop           context.CancelFunc
	done           sync.WaitGroup
}

// New is a relay that has not begun. owner names this instance, differently at each start.
func New(db *database.Database, sender kafka.Sender, owner string) *Relay {
	relay := &Relay{db: db, sender: sender, leases: NewLeases(owner), batch: Batch, wake: make(chan struct{}, 1)}
	db.AfterAppend(func() {
		select {
		case relay.wake <- struct{}{}:
		default:
		}
	})
	return relay
}

// Buckets is how many buckets this instance sends.
func (r *Relay) Buckets() int { return int(r.buckets.Load()) }

// Start begins to relay in the background.
func (r *Relay) Start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	r.done.Go(func() { r.run(ctx) })
}

// Stop finishes the batch in hand and gives up the leases.
func (r *Relay) Stop() {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
}

func (r *Relay) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := r.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			failures = 0
		}
		failures++
		slog.WarnContext(ctx, "relay begins anew", "reason", err)
		sleep(ctx, delay(failures))
	}
}

// session relays on one connection until that fails or the relay is stopped.
func (r *Relay) session(ctx context.Context) error {
	// What is in hand is finished when the relay is stopped, so its statements do not end with it.
	working := context.WithoutCancel(ctx)
	connection, err := r.db.Dedicated(ctx, "relay")
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(working) }()
	pause := 0.0
	for ctx.Err() == nil {
		r.drainWake()
		if r.leases.Due() <= 0 {
			if err := r.leases.Keep(working, connection); err != nil {
				return err
			}
			r.buckets.Store(int64(len(r.leases.tokens)))
		}
		more, err := r.RunOnce(working, connection)
		if err != nil {
			return err
		}
		if more {
			pause = 0
			continue
		}
		pause = rules.NextPause(pause)
		r.idle(ctx, time.Duration(pause*float64(time.Second)))
	}
	return r.leases.Release(working, connection)
}

func (r *Relay) idle(ctx context.Context, pause time.Duration) {
	if r.brokerFailures > 0 { // being woken does not bring the broker back
		sleep(ctx, min(max(pause, delay(r.brokerFailures)), max(0, r.leases.Due())))
		return
	}
	timer := time.NewTimer(min(pause, max(0, r.leases.Due())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-timer.C:
	}
}

func (r *Relay) drainWake() {
	select {
	case <-r.wake:
	default:
	}
}

// RunOnce sends one batch; it tells whether there may be more to send at once.
func (r *Relay) RunOnce(ctx context.Context, on *pgx.Conn) (bool, error) {
	if len(r.leases.tokens) == 0 || !r.leases.Trusted() {
		return false, nil
	}
	rows, err := selectRows(ctx, on, r.leases.Buckets(), r.batch)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	topic := rows[0].topic
	faults.Point("relay.after_select", topic)
	began := time.Now()
	sent, err := r.send(ctx, on, rows)
	if err != nil {
		return false, err
	}
	faults.Point("relay.after_ack", topic)
	settlement := rules.Settle(sent, rules.Chance)
	r.brokerFailures++
	if settlement.BrokerFailed == "" {
		r.brokerFailures = 0
	}
	recorded, err := r.record(ctx, on, rows, settlement)
	if err != nil {
		return false, err
	}
	faults.Point("relay.after_commit", topic)
	if recorded {
		measure(ctx, rows, settlement, time.Since(began))
	}
	return len(settlement.Acked) > 0 && settlement.BrokerFailed == "", nil
}

func (r *Relay) send(ctx context.Context, on *pgx.Conn, rows []row) ([]rules.Sent, error) {
	records, end := recordsOf(ctx, rows)
	var renewal error
	failures := r.sender.Send(ctx, records, func() {
		faults.Point("relay.after_send", rows[0].topic)
		if renewal == nil && r.leases.Due() <= 0 {
			renewal = r.leases.Renew(ctx, on)
		}
	})
	end(failures)
	sent := make([]rules.Sent, len(rows))
	for i, each := range rows {
		sent[i] = rules.Sent{
			Position: each.position, Topic: each.topic, Key: each.key, Attempts: each.attempts, Failure: failures[i],
		}
	}
	return sent, renewal
}

var errOvertaken = errors.New("overtaken")

// record writes down what became of the batch, unless somebody else has taken over: then it is sent again.
func (r *Relay) record(ctx context.Context, on *pgx.Conn, rows []row, settlement rules.Settlement) (bool, error) {
	err := pgx.BeginFunc(ctx, on, func(tx pgx.Tx) error {
		ours, err := r.leases.Hold(ctx, tx, bucketsOf(rows))
		if err != nil {
			return err
		}
		if !ours {
			return errOvertaken
		}
		if err := settle(ctx, tx, settlement); err != nil {
			return err
		}
		faults.Point("relay.after_delete", rows[0].topic)
		return nil
	})
	if errors.Is(err, errOvertaken) {
		slog.WarnContext(ctx, "relay was overtaken: messages may be sent twice", "messages", len(settlement.Acked))
		return false, nil
	}
	if err == nil {
		report(ctx, settlement)
	}
	return err == nil, err
}

func report(ctx context.Context, settlement rules.Settlement) {
	for _, dead := range settlement.Dead {
		slog.ErrorContext(ctx, "outbox: message is dead and holds its key", "position", dead.Position, "reason", dead.Error)
	}
	if settlement.BrokerFailed != "" {
		slog.WarnContext(ctx, "broker does not take messages", "reason", settlement.BrokerFailed)
	}
}

func measure(ctx context.Context, rows []row, settlement rules.Settlement, elapsed time.Duration) {
	acked := make(map[int64]bool, len(settlement.Acked))
	for _, position := range settlement.Acked {
		acked[position] = true
	}
	counts, oldest := map[string]int64{}, -1.0
	for _, each := range rows {
		if acked[each.position] {
			counts[each.topic]++
			oldest = max(oldest, each.age)
		}
	}
	for topic, count := range counts {
		telemetry.SentMessages.Add(ctx, count, telemetry.Messaging("send", topic, ""))
		telemetry.OperationDuration.Record(ctx, elapsed.Seconds(), telemetry.Messaging("send", topic, ""))
	}
	if oldest >= 0 {
		telemetry.PublishLatency.Record(ctx, oldest+elapsed.Seconds())
	}
}

func delay(failures int) time.Duration {
	return time.Duration(rules.RelayDelay(failures, rules.Chance)) * time.Millisecond
}

func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
