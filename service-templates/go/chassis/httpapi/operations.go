package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/clock"
	"chassis/database"
	"chassis/domain"
	"chassis/identity"
	"chassis/inbox"
	"chassis/message"
	"chassis/saga"
	"chassis/saga/machine"
)

const (
	versionOfDead = "SELECT (extract(epoch FROM died_at) * 1000000)::bigint::text FROM outbox_dead WHERE ce_id = $1"
	takeDead      = `
DELETE FROM outbox_dead WHERE ce_id = $1 RETURNING position, bucket, topic, msg_key, key_seq, ce_type, headers, payload`
	// At its old position: it is the first of its key, and those behind it have been waiting for it.
	putBack = `
INSERT INTO outbox (position, bucket, topic, msg_key, key_seq, ce_id, ce_type, headers, payload)
OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	firstDue = "SELECT id FROM inbox_parked WHERE handler = $1 AND msg_key = $2 AND next_at <= clock_timestamp()"
)

func pathUnescape(part string) (string, error) { return url.PathUnescape(part) }

// Desk is for dead letters.
type Desk interface {
	Overview(ctx context.Context) (any, error)
	Letters(ctx context.Context, topic, state string) (any, error)
	Letter(ctx context.Context, topic string, partition int32, offset int64) (any, error)
	Mend(ctx context.Context, topic, op string, wanted Redrive, order Order) (map[string]any, error)
}

// SQLOperations are the operations of one service on its database.
type SQLOperations struct {
	DB      *database.Database
	Inbox   *inbox.Inbox
	Sagas   *saga.Admin
	Desk    Desk
	Source  string
	Running func() map[string]any                                          // what is known of the process
	Content func(ctx context.Context, record *message.Record) (any, error) // a payload fit for operators
}

// Status implements Operations.
func (o *SQLOperations) Status(ctx context.Context) (map[string]any, error) {
	text, err := rowsOf(ctx, o.DB.Pool(), counts)
	if err != nil {
		return nil, err
	}
	status := map[string]any{}
	if err := json.Unmarshal(text, &status); err != nil {
		return nil, err
	}
	maps.Copy(status, o.Running())
	return status, nil
}

// View implements Operations.
func (o *SQLOperations) View(ctx context.Context, name string) (json.RawMessage, error) {
	return rowsOf(ctx, o.DB.Pool(), fmt.Sprintf(asRows, views[name]))
}

// ListSagas implements Operations.
func (o *SQLOperations) ListSagas(ctx context.Context, status, sagaType string, after *uuid.UUID) (any, error) {
	return o.Sagas.List(ctx, saga.Wanted{Status: status, Type: sagaType, After: after, Limit: 50})
}

// ShowSaga implements Operations.
func (o *SQLOperations) ShowSaga(ctx context.Context, id uuid.UUID) (any, error) {
	return o.Sagas.Show(ctx, id)
}

// OperateSaga implements Operations.
func (o *SQLOperations) OperateSaga(ctx context.Context, id uuid.UUID, op string, order Order) (any, error) {
	number, err := order.Number()
	if err != nil {
		return nil, err
	}
	found, err := o.Sagas.Operate(ctx, id, saga.Order{
		Name: machine.OperationName(op), Actor: order.Actor, Reason: order.Reason, ExpectedVersion: number,
		Force: order.Force,
	})
	var refused machine.OperationRefused
	var stale *domain.Conflict
	switch {
	case errors.As(err, &refused):
		return nil, conflict("operation-refused", "The saga does not allow this", refused.Error())
	case errors.As(err, &stale):
		return nil, conflict("version-stale", "The saga has changed", stale.Error())
	}
	return found, err
}

// ShowOutbox implements Operations: one message; only a dead one has a version.
func (o *SQLOperations) ShowOutbox(ctx context.Context, id uuid.UUID) (any, error) {
	var row map[string]any
	var payload []byte
	err := o.DB.Pool().QueryRow(ctx, oneMessage, id).Scan(&row, &payload)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, &domain.NotFound{What: "message in the outbox", Key: id.String()}
	}
	if err != nil {
		return nil, err
	}
	o.addContent(ctx, row, payload)
	return row, nil
}

func (o *SQLOperations) addContent(ctx context.Context, row map[string]any, payload []byte) {
	headers := map[string]string{}
	if given, ok := row["headers"].(map[string]any); ok {
		for name, value := range given {
			if text, isText := value.(string); isText {
				headers[name] = text
			}
		}
	}
	content, err := o.Content(ctx, &message.Record{Headers: headers, Payload: payload})
	if err != nil {
		content = nil // what cannot be read is not shown; its headers say what it was
	}
	row["content"] = content
}

// MendOutbox implements Operations: redrive sends a dead message again; discard lets consumers pass over its sequence.
func (o *SQLOperations) MendOutbox(ctx context.Context, id uuid.UUID, op string, order Order) (result any, err error) {
	err = o.DB.Tx(ctx, func(tx pgx.Tx) (err error) {
		result, err = once(ctx, tx, "outbox:"+op, id.String(), order,
			func() (string, error) { return o.deadVersion(ctx, tx, id) },
			func() (map[string]any, error) {
				return map[string]any{"id": id.String(), "done": op}, o.putBack(ctx, tx, id, op == "discard")
			})
		return err
	})
	return result, err
}

func (o *SQLOperations) deadVersion(ctx context.Context, tx pgx.Tx, id uuid.UUID) (string, error) {
	var version string
	err := tx.QueryRow(ctx, versionOfDead, id).Scan(&version)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", &domain.NotFound{What: "dead message", Key: id.String()}
	}
	return version, err
}

func (o *SQLOperations) putBack(ctx context.Context, tx pgx.Tx, id uuid.UUID, discards bool) error {
	var (
		position, sequence int64
		bucket             int16
		topic, key, kind   string
		headers            map[string]string
		payload            []byte
	)
	err := tx.QueryRow(ctx, takeDead, id).Scan(&position, &bucket, &topic, &key, &sequence, &kind, &headers, &payload)
	if err != nil {
		return err
	}
	if discards {
		id, kind, payload = identity.New(), message.GapType, []byte("{}")
		headers = o.gapHeaders(headers, id.String())
	}
	_, err = tx.Exec(ctx, putBack, position, bucket, topic, key, sequence, id, kind, headers, payload)
	return err
}

func (o *SQLOperations) gapHeaders(before map[string]string, id string) map[string]string {
	headers := map[string]string{
		message.ContentType: message.JSON, message.SpecVersion: "1.0", message.ID: id, message.Source: o.Source,
		message.Type: message.GapType, message.Time: clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		message.CausationID: before[message.ID],
	}
	for _, name := range []string{message.PartitionKey, message.Subject, message.CorrelationID} {
		if value, ok := before[name]; ok {
			headers[name] = value
		}
	}
	return headers
}

// ShowParked implements Operations: the parked records of a key, in the order in which they wait.
func (o *SQLOperations) ShowParked(ctx context.Context, handler, key string) (any, error) {
	version, err := o.parkedVersion(ctx, o.DB.Pool(), handler, key)
	if err != nil {
		return nil, err
	}
	rows, err := o.DB.Pool().Query(ctx, parkedOfKey, handler, key)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items := []map[string]any{}
	for rows.Next() {
		var row map[string]any
		var payload []byte
		if err := rows.Scan(&row, &payload); err != nil {
			return nil, err
		}
		o.addContent(ctx, row, payload)
		items = append(items, row)
	}
	return map[string]any{"handler": handler, "key": key, "version": version, "items": items}, rows.Err()
}

func (o *SQLOperations) parkedVersion(ctx context.Context, on database.Querier, handler, key string) (string, error) {
	if handler != o.Inbox.Group {
		return "", &domain.NotFound{What: "handler", Key: handler}
	}
	version, err := o.Inbox.Parked.Version(ctx, on, key)
	if err == nil && version == "" {
		err = &domain.NotFound{What: "parked record of key", Key: key}
	}
	return version, err
}

// MendParked implements Operations: retry tries the first record of the key now; discard gives it up and lets the next one
// go.
func (o *SQLOperations) MendParked(ctx context.Context, handler, key, op string, order Order) (result any, err error) {
	err = o.DB.Work(ctx, message.NewContext(), func(work *database.Work) (err error) {
		result, err = once(ctx, work.Tx(), "parked:"+op, handler+"/"+key, order,
			func() (string, error) { return o.parkedVersion(ctx, work.Tx(), handler, key) },
			func() (map[string]any, error) {
				count, err := o.Inbox.Parked.Retry(ctx, work.Tx(), key)
				if err == nil && op == "discard" {
					count, err = o.discard(ctx, work, key)
				}
				work.OnCommit(o.Inbox.OnParked)
				return map[string]any{"handler": handler, "key": key, "done": op, "records": count}, err
			})
		return err
	})
	return result, err
}

func (o *SQLOperations) discard(ctx context.Context, work *database.Work, key string) (int64, error) {
	rows, err := work.Tx().Query(ctx, firstDue, o.Inbox.Group, key)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	gone := int64(0)
	for _, id := range ids {
		first, err := o.Inbox.Parked.Take(ctx, work.Tx(), id)
		if err != nil {
			return gone, err
		}
		if first == nil { // another instance is trying it this moment
			continue
		}
		if err := o.Inbox.PassOver(ctx, first, work, inbox.Discarded); err != nil {
			return gone, err
		}
		gone++
	}
	return gone, err
}

// DeadLetters implements Operations.
func (o *SQLOperations) DeadLetters(ctx context.Context) (any, error) { return o.Desk.Overview(ctx) }

// ListLetters implements Operations.
func (o *SQLOperations) ListLetters(ctx context.Context, topic, state string) (any, error) {
	return o.Desk.Letters(ctx, topic, state)
}

// ShowLetter implements Operations.
func (o *SQLOperations) ShowLetter(ctx context.Context, topic string, partition int32, offset int64) (any, error) {
	return o.Desk.Letter(ctx, topic, partition, offset)
}

// MendLetters implements Operations: redrive or discard them; what was done is kept.
func (o *SQLOperations) MendLetters(ctx context.Context, topic, op string, wanted Redrive, order Order) (any, error) {
	result, err := o.Desk.Mend(ctx, topic, op, wanted, order)
	if err != nil || wanted.DryRun {
		return result, err
	}
	return result, o.DB.Tx(ctx, func(tx pgx.Tx) error { return note(ctx, tx, "dlq:"+op, topic, order, result) })
}

// Busy is a problem: somebody else does the same.
func Busy(title string) *Problem { return conflict("busy", title, "try again when that has ended") }

// NoTopic is a problem: the service does not read it.
func NoTopic(topic string) *Problem {
	return &Problem{
		Status: http.StatusNotFound, Kind: "not-found", Title: "No such topic", Detail: "this service does not read " + topic,
	}
}

// BrokerAway is a problem: the broker is not available.
func BrokerAway(text string) *Problem {
	return &Problem{
		Status: http.StatusServiceUnavailable, Kind: "unavailable", Title: "The broker is not available", Detail: text,
		Headers: map[string]string{"retry-after": "5"},
	}
}
