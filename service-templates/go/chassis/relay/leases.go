package relay

import (
	"context"
	"fmt"
	"hash/crc32"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"chassis/database"
	"chassis/faults"
	"chassis/rules"
)

const (
	bucketPrefix   = "relay:"
	instancePrefix = "relay-instance:"

	renewLeases = `
UPDATE lease SET expires_at = clock_timestamp() + make_interval(secs => $1)
 WHERE owner = $2 AND starts_with(name, 'relay:') AND expires_at > clock_timestamp()
RETURNING name, token`
	seenLeases  = "SELECT name, expires_at > clock_timestamp() FROM lease WHERE starts_with(name, 'relay')"
	presentSelf = "SELECT lease_take($1, $2, make_interval(secs => $3))"
	takeLeases  = "SELECT name, lease_take(name, $1, make_interval(secs => $2)) FROM unnest($3::text[]) AS wanted (name)"
	giveLeases  = "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE owner = $1 AND name = ANY($2)"
	giveAll     = "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE owner = $1 AND starts_with(name, 'relay')"
	forget      = `
DELETE FROM lease
 WHERE starts_with(name, 'relay-instance:') AND expires_at < clock_timestamp() - interval '1 minute'`
	fence = `
SELECT count(*) FROM (
  SELECT 1 FROM lease JOIN unnest($1::text[], $2::bigint[]) AS held (name, token) USING (name, token)
   WHERE owner = $3 FOR SHARE OF lease) AS valid`
)

// Leases say which buckets of the outbox this instance may send; judged by the database's clock. One goroutine uses them,
// on a connection outside of transactions but for Hold.
//
// A lease carries a token that grows with each new owner. Whoever slept through the end of its lease finds another token
// when it wants to record its work, and does not record it.
type Leases struct {
	owner   string
	tokens  map[int]int64
	renewed time.Time
	start   int // where to begin to look for buckets: differs between instances
}

// NewLeases are none yet; owner names this instance, differently at each start.
func NewLeases(owner string) *Leases {
	return &Leases{owner: owner, tokens: map[int]int64{}, start: int(crc32.ChecksumIEEE([]byte(owner)) % rules.Buckets)}
}

// Buckets are those held, as far as this instance knows.
func (l *Leases) Buckets() []int { return slices.Sorted(maps.Keys(l.tokens)) }

// Trusted tells whether the leases were renewed so lately that nobody else can hold them.
func (l *Leases) Trusted() bool {
	return !l.renewed.IsZero() && rules.Trusts(0, time.Since(l.renewed).Seconds())
}

// Due is how long it is until the leases are to be renewed; zero or less when they are due.
func (l *Leases) Due() time.Duration {
	if l.renewed.IsZero() {
		return 0
	}
	return time.Duration(rules.LeaseRenew*float64(time.Second)) - time.Since(l.renewed)
}

// Renew prolongs what is held. Buckets that were lost meanwhile are forgotten.
func (l *Leases) Renew(ctx context.Context, on database.Querier) error {
	started := time.Now()
	rows, err := on.Query(ctx, renewLeases, rules.LeaseTTL, l.owner)
	if err != nil {
		return err
	}
	tokens := map[int]int64{}
	for rows.Next() {
		var name string
		var token int64
		if err := rows.Scan(&name, &token); err != nil {
			return err
		}
		tokens[bucketOf(name)] = token
	}
	if err := rows.Err(); err != nil {
		return err
	}
	l.tokens, l.renewed = tokens, started
	return nil
}

// Keep prolongs what is held and moves towards a fair share with the other living instances.
func (l *Leases) Keep(ctx context.Context, on database.Querier) error {
	if _, err := on.Exec(ctx, presentSelf, instancePrefix+l.owner, l.owner, rules.LeaseTTL); err != nil {
		return err
	}
	if err := l.Renew(ctx, on); err != nil {
		return err
	}
	free, living, gone, err := look(ctx, on)
	if err != nil {
		return err
	}
	exchange := rules.Rebalance(l.Buckets(), free, living, l.start)
	if len(exchange.Take) > 0 {
		if err := l.take(ctx, on, exchange.Take); err != nil {
			return err
		}
	}
	if len(exchange.Give) > 0 {
		if _, err := on.Exec(ctx, giveLeases, l.owner, names(exchange.Give)); err != nil {
			return err
		}
		for _, bucket := range exchange.Give {
			delete(l.tokens, bucket)
		}
	}
	if gone > 1 {
		_, err = on.Exec(ctx, forget)
	}
	return err
}

// look gives the buckets that nobody holds, and how many instances live or have gone.
func look(ctx context.Context, on database.Querier) (free []int, living, gone int, err error) {
	rows, err := on.Query(ctx, seenLeases)
	if err != nil {
		return nil, 0, 0, err
	}
	taken := map[int]bool{}
	for rows.Next() {
		var name string
		var alive bool
		if err := rows.Scan(&name, &alive); err != nil {
			return nil, 0, 0, err
		}
		switch isInstance := strings.HasPrefix(name, instancePrefix); {
		case isInstance && alive:
			living++
		case isInstance:
			gone++
		case alive && strings.HasPrefix(name, bucketPrefix):
			taken[bucketOf(name)] = true
		}
	}
	for bucket := range rules.Buckets {
		if !taken[bucket] {
			free = append(free, bucket)
		}
	}
	return free, living, gone, rows.Err()
}

func (l *Leases) take(ctx context.Context, on database.Querier, buckets []int) error {
	rows, err := on.Query(ctx, takeLeases, l.owner, rules.LeaseTTL, names(buckets))
	if err != nil {
		return err
	}
	for rows.Next() {
		var name string
		var token *int64
		if err := rows.Scan(&name, &token); err != nil {
			return err
		}
		if token != nil {
			l.tokens[bucketOf(name)] = *token
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	slog.InfoContext(ctx, "relaying", "buckets", len(l.tokens), "of", rules.Buckets)
	faults.Point("lease.after_take", l.owner)
	return nil
}

// Hold tells, inside a transaction, whether these buckets are still ours; nobody takes them before it ends.
func (l *Leases) Hold(ctx context.Context, on database.Querier, buckets []int) (bool, error) {
	tokens := make([]int64, len(buckets))
	for i, bucket := range buckets {
		token, held := l.tokens[bucket]
		if !held {
			token = -1
		}
		tokens[i] = token
	}
	var valid int
	err := on.QueryRow(ctx, fence, names(buckets), tokens, l.owner).Scan(&valid)
	return valid == len(buckets), err
}

// Release gives everything up at once, so that others need not wait for the end of the leases.
func (l *Leases) Release(ctx context.Context, on database.Querier) error {
	clear(l.tokens)
	_, err := on.Exec(ctx, giveAll, l.owner)
	return err
}

func names(buckets []int) []string {
	all := make([]string, len(buckets))
	for i, bucket := range buckets {
		all[i] = fmt.Sprintf("%s%d", bucketPrefix, bucket)
	}
	return all
}

func bucketOf(name string) int {
	bucket, err := strconv.Atoi(strings.TrimPrefix(name, bucketPrefix))
	if err != nil {
		return -1
	}
	return bucket
}
