// Package eventlog keeps events that a service only watches: one row an event in a table of their own.
package eventlog

import (
	"context"

	"github.com/jackc/pgx/v5"

	"chassis/database"
)

// Log appends to a table with the columns id, received_at (both filled by the database) and payload.
type Log struct{ insert string }

// New is the log in that table.
func New(table string) Log {
	return Log{"INSERT INTO " + pgx.Identifier{table}.Sanitize() + " (payload) VALUES ($1)"}
}

// Append keeps the event as it travels, in the transaction of the work.
func (l Log) Append(ctx context.Context, work *database.Work, event any) error {
	_, err := work.Tx().Exec(ctx, l.insert, event)
	return err
}
