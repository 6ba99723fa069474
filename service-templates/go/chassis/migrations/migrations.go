// Package migrations brings a service's database up to date when the service starts.
//
// In this order: the chassis's own tables, the generated numbered files (gen/migrations), the generated description of
// the tables (gen/tables.sql), the service's own numbered files. Every file runs once, in a transaction with the note
// that it ran; instances that start together take turns. A file that moves rows in batches commits as it goes: it runs
// outside a transaction, and again from the start when it was interrupted. The generated description is written so that
// it may run again, and does when it changed.
//
// An instance of an older release may start on a database that a newer one has already changed, while both are rolled
// out: it then leaves the generated tables alone.
package migrations

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"chassis/database"
)

//go:embed sql/*.sql
var own embed.FS

const (
	lock  = 0x66_6C_65_65_74                // "fleet": an advisory lock that all instances of a service know
	alone = "-- Runs outside a transaction" // begins the second line of a file that commits as it goes
	notes = `
CREATE TABLE IF NOT EXISTS schema_migration (
  name text PRIMARY KEY,
  sha256 text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
)`
	note = `
INSERT INTO schema_migration (name, sha256) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = now()`
)

var numbered = regexp.MustCompile(`^(\d+)_\w+\.sql$`)

// Files of one service; each may be nil or empty.
type Files struct {
	Generated fs.FS  // numbered files that are generated
	Tables    string // the generated description of the tables
	Service   fs.FS  // the service's own numbered files
}

type migration struct {
	name, sql  string
	repeatable bool
}

func (m migration) digest() string {
	sum := sha256.Sum256([]byte(m.sql))
	return hex.EncodeToString(sum[:])
}

func (m migration) runsAlone() bool {
	lines := strings.SplitN(m.sql, "\n", 3)
	return slices.ContainsFunc(lines[:min(2, len(lines))], func(line string) bool { return strings.HasPrefix(line, alone) })
}

// Migrate applies what is missing and gives the names of what was applied. It fails when a file fails, and when one that
// was applied before has been changed since.
func Migrate(ctx context.Context, db *database.Database, files Files) ([]string, error) {
	shipped, err := fs.Sub(own, "sql")
	if err != nil {
		return nil, err
	}
	chassis, err := read("chassis", shipped)
	if err != nil {
		return nil, err
	}
	generated, err := read("gen", files.Generated)
	if err != nil {
		return nil, err
	}
	service, err := read("service", files.Service)
	if err != nil {
		return nil, err
	}
	connection, err := db.Dedicated(ctx, "migrations") // its end frees the lock
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }()
	known, err := applied(ctx, connection)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(chassis, generated)
	if files.Tables != "" {
		all = append(all, migration{"gen/tables.sql", files.Tables, true})
	}
	all = append(all, service...)
	return apply(ctx, connection, all, known, isAhead(generated, known))
}

func applied(ctx context.Context, connection *pgx.Conn) (map[string]string, error) {
	if _, err := connection.Exec(ctx, "SELECT pg_advisory_lock($1)", lock); err != nil {
		return nil, err
	}
	if _, err := connection.Exec(ctx, notes); err != nil {
		return nil, err
	}
	rows, err := connection.Query(ctx, "SELECT name, sha256 FROM schema_migration")
	if err != nil {
		return nil, err
	}
	known, name, digest := map[string]string{}, "", ""
	_, err = pgx.ForEachRow(rows, []any{&name, &digest}, func() error {
		known[name] = digest
		return nil
	})
	return known, err
}

func apply(ctx context.Context, on *pgx.Conn, all []migration, known map[string]string, ahead bool) ([]string, error) {
	var names []string
	for _, each := range all {
		before, ran := known[each.name]
		switch {
		case ahead && each.repeatable:
			slog.WarnContext(ctx, "a newer release has changed the tables; they are left to it", "migration", each.name)
			continue
		case ran && before == each.digest():
			continue
		case ran && !each.repeatable:
			return names, fmt.Errorf("%s was applied and has been changed since: write a new file instead", each.name)
		}
		if err := run(ctx, on, each); err != nil {
			return names, fmt.Errorf("%s: %w", each.name, err)
		}
		slog.InfoContext(ctx, "applied migration", "migration", each.name)
		names = append(names, each.name)
	}
	return names, nil
}

func run(ctx context.Context, on *pgx.Conn, each migration) error {
	if each.runsAlone() {
		if err := script(ctx, on, each.sql); err != nil {
			return err
		}
	}
	return pgx.BeginFunc(ctx, on, func(tx pgx.Tx) error {
		if !each.runsAlone() {
			if err := script(ctx, on, each.sql); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, note, each.name, each.digest())
		return err
	})
}

// script runs several statements, which only the simple protocol does.
func script(ctx context.Context, on *pgx.Conn, sql string) error {
	_, err := on.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// isAhead tells whether the database has run numbered files that this release does not know, and lacks none it knows.
func isAhead(generated []migration, known map[string]string) bool {
	own := map[string]bool{}
	for _, each := range generated {
		if _, ran := known[each.name]; !ran {
			return false
		}
		own[each.name] = true
	}
	for name := range known {
		file, isGenerated := strings.CutPrefix(name, "gen/")
		if isGenerated && numbered.MatchString(file) && !own[name] {
			return true
		}
	}
	return false
}

// read gives the files of a folder in the order of their numbers.
func read(whose string, folder fs.FS) ([]migration, error) {
	if folder == nil {
		return nil, nil
	}
	names, err := fs.Glob(folder, "*.sql")
	if err != nil {
		return nil, err
	}
	numbers := map[string]int{}
	for _, name := range names {
		digits := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
		number, err := strconv.Atoi(digits)
		if err != nil {
			return nil, errors.New(name + ": the name of a migration begins with its number, such as 0001_index.sql")
		}
		numbers[name] = number
	}
	slices.SortFunc(names, func(a, b string) int {
		if numbers[a] != numbers[b] {
			return numbers[a] - numbers[b]
		}
		return strings.Compare(a, b)
	})
	all := make([]migration, 0, len(names))
	for _, name := range names {
		text, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		all = append(all, migration{name: path.Join(whose, name), sql: string(text)})
	}
	return all, nil
}
