package saga

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/faults"
	"chassis/message"
)

// barrier is the inbox's handler name under which barrier keys are kept.
const barrier = "saga-barrier"

const (
	postponeBase, postponeCap = 1.0, 300.0 // seconds

	createParticipation = `
INSERT INTO saga_participant (saga_id, saga_type, definition_version, correlation_id, trace)
VALUES ($1, $2, $3, $4, nullif($5, '')) ON CONFLICT (saga_id) DO NOTHING`
	selectParticipation = `
SELECT saga_id, saga_type, data, correlation_id, coalesce(trace, ''), definition_version FROM saga_participant
 WHERE saga_id = $1`
	participationDue  = ` AND due_at <= clock_timestamp() FOR UPDATE SKIP LOCKED`
	saveParticipation = `
UPDATE saga_participant SET data = $1, attempts = 0, last_error = NULL, updated_at = clock_timestamp(),
       due_at = CASE WHEN $2 THEN clock_timestamp() END
 WHERE saga_id = $3`
	postponeParticipation = `
UPDATE saga_participant SET data = $1, attempts = attempts + 1, last_error = $2, updated_at = clock_timestamp(),
       due_at = clock_timestamp() + make_interval(secs => least($3 * power(2, least(attempts, 16)), $4::float8))
 WHERE saga_id = $5`
	takeBarrier = `INSERT INTO inbox (handler, ce_source, ce_id) VALUES ($1, '', $2) ON CONFLICT DO NOTHING`
)

// participation is what a service keeps of a saga it takes part in. Its row is the lock of all that the service does for
// the saga: whoever acts for it holds the row.
type participation struct {
	saga    string
	origin  origin
	data    map[string]any
	version int // of the saga's definition
}

// lockParticipation gives the row of the saga, made if there is none yet, locked until the end of the transaction.
func lockParticipation(ctx context.Context, work *database.Work, id uuid.UUID, saga string, version int) (*participation, error) {
	cause := work.Context()
	_, err := work.Tx().Exec(ctx, createParticipation, id, saga, version, cause.CorrelationID, cause.TraceParent)
	if err != nil {
		return nil, err
	}
	return readParticipation(ctx, work, id, locked)
}

// readParticipation gives the row; nil when there is none, or with participationDue none that is due and not taken.
func readParticipation(ctx context.Context, work *database.Work, id uuid.UUID, locking string) (*participation, error) {
	var found participation
	var data []byte
	err := work.Tx().QueryRow(ctx, selectParticipation+locking, id).Scan(&id, &found.saga, &data,
		&found.origin.correlation, &found.origin.trace, &found.version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, decoded(data, &found.data)
}

// keepParticipation writes what is known now; due when there is more to do.
func keepParticipation(ctx context.Context, work *database.Work, id uuid.UUID, data map[string]any, due bool) error {
	text, err := encoded(data)
	if err != nil {
		return err
	}
	_, err = work.Tx().Exec(ctx, saveParticipation, text, due, id)
	return err
}

// postpone keeps what is known now; what is to be done failed, and is tried again later and later.
func postpone(ctx context.Context, work *database.Work, id uuid.UUID, data map[string]any, reason error) error {
	text, err := encoded(data)
	if err != nil {
		return err
	}
	problem := strings.ReplaceAll(fmt.Sprintf("%T: %s", reason, reason), "\x00", "")
	_, err = work.Tx().Exec(ctx, postponeParticipation, text, strings.ToValidUTF8(problem[:min(len(problem), 2000)], ""), postponeBase, postponeCap, id)
	return err
}

// barrierKey is saga:<id>:<step>:<direction>, and the number of the part behind it where there are several.
func barrierKey(id uuid.UUID, step string, direction message.Direction, part int) string {
	key := fmt.Sprintf("saga:%s:%s:%s", id, step, direction)
	if part > 1 {
		key = fmt.Sprintf("%s:%d", key, part)
	}
	return key
}

// take passes the barrier; false when somebody has before.
func take(ctx context.Context, work *database.Work, id uuid.UUID, step string, direction message.Direction, part int) (bool, error) {
	tag, err := work.Tx().Exec(ctx, takeBarrier, barrier, barrierKey(id, step, direction, part))
	faults.Point("barrier.after_insert", step)
	return tag.RowsAffected() == 1, err
}
