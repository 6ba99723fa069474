package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"

	"chassis/database"
)

const (
	keyMost    = 255
	keptHours  = 24
	sweepBatch = 5000
)

// The answer is stored in the transaction of the effect, so both exist or neither. Of two requests with one key at the
// same time a transaction-level advisory lock lets one in; the other is told to come back. It is taken before the look-up,
// so whoever holds it sees what the one before committed.
const (
	tryLock     = "SELECT pg_try_advisory_xact_lock($1)"
	storedFor   = "SELECT request_hash, status, response FROM idempotency WHERE scope = $1 AND key = $2"
	storeAnswer = "INSERT INTO idempotency (scope, key, request_hash, status, response) VALUES ($1, $2, $3, $4, $5)"
	sweepOld    = `
DELETE FROM idempotency WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM idempotency WHERE created_at < now() - make_interval(hours => $1) LIMIT $2))`
)

// storedAnswer is how an answer is kept: its body as text, since jsonb would give its members back in another order.
type storedAnswer struct {
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
}

// requiredKey is the Idempotency-Key of the request, or a 400 problem.
func requiredKey(header http.Header) (string, error) {
	key := strings.TrimSpace(header.Get("idempotency-key"))
	problem := &Problem{Status: http.StatusBadRequest, Kind: "idempotency-key"}
	switch {
	case key == "":
		problem.Title, problem.Detail = "Idempotency-Key is needed", "send a unique Idempotency-Key with every POST"
		return "", problem
	case len(key) > keyMost || !isPrintable(key):
		problem.Title = "Idempotency-Key is not usable"
		problem.Detail = fmt.Sprintf("at most %d printable characters", keyMost)
		return "", problem
	}
	return key, nil
}

// digestOf is equal for requests that mean the same: order of members and white space do not count.
func digestOf(payload map[string]any) ([]byte, error) {
	text, err := json.Marshal(payload) // sorts members
	sum := sha256.Sum256(text)
	return sum[:], err
}

// claim gives the stored answer; nil when the caller is the first and shall go on and record. It is a 409 problem while
// another request with the key is under way, 422 when the key was used for another.
func claim(ctx context.Context, work *database.Work, scope, key string, digest []byte) (*Answer, error) {
	mark := sha256.Sum256([]byte(scope + "\x00" + key))
	var locked bool
	if err := work.Tx().QueryRow(ctx, tryLock, int64(binary.BigEndian.Uint64(mark[:8]))).Scan(&locked); err != nil {
		return nil, err
	}
	if !locked {
		problem := conflict("in-flight", "A request with this Idempotency-Key is under way", "try again soon")
		problem.Headers = soon
		return nil, problem
	}
	var (
		before []byte
		answer Answer
		stored storedAnswer
	)
	err := work.Tx().QueryRow(ctx, storedFor, scope, key).Scan(&before, &answer.Status, &stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if string(before) != string(digest) {
		return nil, &Problem{
			Status: http.StatusUnprocessableEntity, Kind: "idempotency-key-reused",
			Title: "The Idempotency-Key was used for another request",
		}
	}
	answer.Body, answer.Headers = json.RawMessage(stored.Body), maps.Clone(stored.Headers)
	answer.Headers["idempotent-replayed"] = "true"
	return &answer, nil
}

// record keeps the answer for whoever repeats the request.
func record(ctx context.Context, work *database.Work, scope, key string, digest []byte, answer Answer) error {
	_, err := work.Tx().Exec(ctx, storeAnswer, scope, key, digest, answer.Status,
		storedAnswer{string(answer.Body), answer.Headers})
	return err
}

// SweepAnswers deletes one batch of answers that have been kept long enough; how many went.
func SweepAnswers(ctx context.Context, on database.Querier) (int64, error) {
	gone, err := on.Exec(ctx, sweepOld, keptHours, sweepBatch)
	return gone.RowsAffected(), err
}
