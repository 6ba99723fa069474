// Package database is PostgreSQL: a pool of connections, and units of work on it.
package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"chassis/faults"
	"chassis/message"
)

const (
	poolLeast, poolMost = 2, 12
	connectWait         = 5 * time.Second
	idleMost            = time.Minute
)

// Database is the service's own database. Any goroutine may use it.
type Database struct {
	Peers any // what units of work call other services with

	pool      *pgxpool.Pool
	config    *pgxpool.Config
	publisher Publisher

	mu   sync.Mutex
	wake []func()
}

// Options of a database.
type Options struct {
	Publisher   Publisher // of the service's events; nil where nothing is published by name
	Application string    // as the server shows it
	PoolMost    int32     // connections; 0 for the usual
}

// Configure reads the URL and connects to nothing yet.
func Configure(url string, options Options) (*Database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of the database is not valid") // the error of the library may show the password
	}
	if options.PoolMost == 0 {
		options.PoolMost = poolMost
	}
	if options.Application == "" {
		options.Application = "chassis"
	}
	config.MaxConns, config.MinConns = options.PoolMost, min(poolLeast, options.PoolMost)
	config.MaxConnIdleTime = idleMost
	config.HealthCheckPeriod = 15 * time.Second
	config.ConnConfig.ConnectTimeout = connectWait
	config.ConnConfig.RuntimeParams["application_name"] = options.Application
	// A transaction that hangs holds row locks of the outbox; the server ends it.
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "60000"
	config.ConnConfig.RuntimeParams["lock_timeout"] = "10000"
	return &Database{config: config, publisher: options.Publisher}, nil
}

// Open connects, trying again until the context ends.
func (d *Database) Open(ctx context.Context) error {
	pool, err := pgxpool.NewWithConfig(ctx, d.config)
	if err != nil {
		return err
	}
	for {
		if err = pool.Ping(ctx); err == nil {
			d.pool = pool
			return nil
		}
		slog.Warn("waiting for the database", "reason", err)
		select {
		case <-ctx.Done():
			pool.Close()
			return fmt.Errorf("the database does not answer: %w", err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// Close ends all connections.
func (d *Database) Close() {
	if d.pool != nil {
		d.pool.Close()
	}
}

// AfterAppend calls wake after each commit that put messages into the outbox, so that the relay looks at once.
func (d *Database) AfterAppend(wake func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wake = append(d.wake, wake)
}

// Pool gives connections for single statements, each a transaction of its own.
func (d *Database) Pool() *pgxpool.Pool { return d.pool }

// Unavailable says that the database is away: nothing is wrong with what was to be done.
type Unavailable struct{ Reason error }

func (e *Unavailable) Error() string { return "the database is away: " + e.Reason.Error() }

// Unwrap gives the reason.
func (e *Unavailable) Unwrap() error { return e.Reason }

// Tx does something in a transaction, for what publishes nothing. The error is an *Unavailable when the database is away.
func (d *Database) Tx(ctx context.Context, do func(tx pgx.Tx) error) error {
	connection, tx, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer connection.Release()
	defer rollback(ctx, tx) // does nothing after a commit
	err = do(tx)
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil && connection.Conn().IsClosed() && ctx.Err() == nil {
		return &Unavailable{err}
	}
	return err
}

// begin begins on a connection that lives: those that died in the pool show it here, before any work was done.
func (d *Database) begin(ctx context.Context) (*pgxpool.Conn, pgx.Tx, error) {
	var err error
	for range d.config.MaxConns + 1 {
		var connection *pgxpool.Conn
		if connection, err = d.pool.Acquire(ctx); err != nil {
			break // a new connection could not be had either
		}
		var tx pgx.Tx
		if tx, err = connection.Begin(ctx); err == nil {
			return connection, tx, nil
		}
		isDead := connection.Conn().IsClosed()
		connection.Release()
		if !isDead {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, nil, err
	}
	return nil, nil, &Unavailable{err}
}

func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectWait)
	defer cancel()
	_ = tx.Rollback(ctx) // a connection that cannot even do that is thrown away by the pool
}

// Work does something in a unit of work: it commits when `do` returns nil and rolls back otherwise.
func (d *Database) Work(ctx context.Context, cause message.Context, do func(work *Work) error) error {
	return d.work(ctx, cause, 0, do)
}

// WorkWithin is Work for somebody who waits no longer than that: the server ends statements for which nobody waits.
func (d *Database) WorkWithin(ctx context.Context, cause message.Context, most time.Duration, do func(work *Work) error) error {
	return d.work(ctx, cause, most, do)
}

func (d *Database) work(ctx context.Context, cause message.Context, most time.Duration, do func(work *Work) error) error {
	var work *Work
	sent := 0
	err := d.Tx(ctx, func(tx pgx.Tx) error {
		work = NewWork(tx, cause, d.publisher)
		work.Peers = d.Peers
		if most > 0 {
			work.Deadline = time.Now().Add(most)
			if _, err := tx.Exec(ctx, "SELECT set_config('statement_timeout', $1, true)", milliseconds(most)); err != nil {
				return err
			}
		}
		if err := do(work); err != nil {
			return err
		}
		var err error
		if sent, err = work.Flush(ctx); err != nil {
			return err
		}
		faults.Point("tx.before_commit", "")
		return nil
	})
	if err != nil {
		return err
	}
	faults.Point("tx.after_commit", "")
	if sent > 0 {
		d.wakeAll()
	}
	work.Committed()
	return nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

func (d *Database) wakeAll() {
	d.mu.Lock()
	wake := d.wake
	d.mu.Unlock()
	for _, fn := range wake {
		fn()
	}
}

// Dedicated is a connection of its own, for work that must not wait for the pool. Whoever asks closes it.
func (d *Database) Dedicated(ctx context.Context, purpose string) (*pgx.Conn, error) {
	config := d.config.ConnConfig.Copy()
	config.RuntimeParams["application_name"] += "-" + purpose
	return pgx.ConnectConfig(ctx, config)
}

// Ready tells whether the database answers.
func (d *Database) Ready(ctx context.Context) bool {
	if d.pool == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := d.pool.Ping(ctx); err != nil {
		slog.Warn("database does not answer", "reason", err)
		return false
	}
	return true
}

// Querier is what a transaction, a connection and the pool have in common.
type Querier interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// ServerTime is the only clock by which times of messages and sagas are judged: those of the instances may differ.
func ServerTime(ctx context.Context, on Querier) (time.Time, error) {
	var now time.Time
	err := on.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now.UTC(), err
}
