package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"chassis/rules"
	"chassis/wire"
)

const (
	actorMost, reasonMost, versionMost = 200, 2000, 200
	redriveLimit, redriveLimitMost     = 100, 1000
	redriveRate, redriveRateMost       = 50.0, 1000.0
)

// Order is who wants a manual intervention, why, and on which version of the thing; empty where none is asked for.
type Order struct {
	Actor   string
	Reason  string
	Version string
	Force   bool
}

// Number is the version of what counts its versions, such as sagas.
func (o Order) Number() (int64, error) {
	number, err := strconv.ParseInt(o.Version, 10, 63)
	if err != nil || number < 0 {
		return 0, malformedVersion()
	}
	return number, nil
}

// Redrive says which dead letters, how many at most, how many a second; with DryRun nothing is done.
type Redrive struct {
	Filter rules.LetterFilter
	Limit  int
	Rate   float64
	DryRun bool
}

func malformedVersion() *Problem {
	return &Problem{
		Status: http.StatusBadRequest, Kind: "version-malformed", Title: "If-Match must be the version that was shown",
	}
}

func unfit(title, detail string) *Problem {
	return &Problem{Status: http.StatusUnprocessableEntity, Kind: "invalid", Title: title, Detail: detail}
}

type orderBody struct {
	Reason string          `json:"reason"`
	Actor  string          `json:"actor"`
	Force  bool            `json:"force"`
	Filter json.RawMessage `json:"filter"`
	Limit  *int            `json:"limit"`
	Rate   *float64        `json:"rate"`
	DryRun bool            `json:"dryRun"`
}

func (in *incoming) order(caller Caller, versioned bool) (Order, orderBody, error) {
	var body orderBody
	if len(strings.TrimSpace(string(in.body))) > 0 {
		if _, err := wire.Parse(in.body); err != nil {
			return Order{}, body, &Problem{Status: http.StatusBadRequest, Kind: "malformed", Title: "The body is not a JSON object"}
		}
		if err := json.Unmarshal(in.body, &body); err != nil {
			return Order{}, body, unfit("The order is not understood", "a member is not of its type")
		}
	}
	actor := body.Actor
	if actor == "" {
		actor = caller.Subject
	}
	switch {
	case !isText(body.Reason, reasonMost):
		return Order{}, body, unfit("A reason is needed", fmt.Sprintf("reason must be a text of 1 to %d characters", reasonMost))
	case !isText(actor, actorMost):
		return Order{}, body, unfit("The actor is not a name", fmt.Sprintf("actor must be a text of 1 to %d characters", actorMost))
	}
	if actor != caller.Subject { // whom a tool acts for; who it is stands in its token
		actor += " via " + caller.Subject
	}
	order := Order{Actor: actor, Reason: body.Reason, Force: body.Force}
	var err error
	if versioned {
		order.Version, err = version(in.header)
	}
	return order, body, err
}

func (b orderBody) redrive() (Redrive, error) {
	wanted := Redrive{Limit: redriveLimit, Rate: redriveRate, DryRun: b.DryRun}
	if b.Limit != nil {
		wanted.Limit = *b.Limit
	}
	if b.Rate != nil {
		wanted.Rate = *b.Rate
	}
	switch {
	case wanted.Limit < 1 || wanted.Limit > redriveLimitMost:
		return wanted, unfit("The limit is not a number", fmt.Sprintf("limit must be a whole number from 1 to %d", redriveLimitMost))
	case !(wanted.Rate > 0 && wanted.Rate <= redriveRateMost):
		return wanted, unfit("The rate is not a number", fmt.Sprintf("rate must be records a second, up to %.0f", redriveRateMost))
	case len(b.Filter) > 0 && json.Unmarshal(b.Filter, &wanted.Filter) != nil:
		return wanted, unfit("The filter is not in order", "")
	}
	return wanted, nil
}

func isText(text string, most int) bool {
	return strings.TrimSpace(text) != "" && len(text) <= most && !strings.Contains(text, "\x00")
}

func version(header http.Header) (string, error) {
	given := strings.TrimSpace(header.Get("if-match"))
	if given == "" {
		return "", &Problem{
			Status: http.StatusPreconditionRequired, Kind: "version-needed", Title: "If-Match is needed",
			Detail: "send the version that you have seen",
		}
	}
	text := strings.Trim(strings.TrimPrefix(given, "W/"), `"`)
	if text == "" || len(text) > versionMost || !isPrintable(text) {
		return "", malformedVersion()
	}
	return text, nil
}

const (
	// Two operators at the same thing take turns.
	lockTarget = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
	doneBefore = "SELECT result FROM admin_action WHERE op = $1 AND target = $2 AND version = $3 AND actor = $4"
	noteAction = "INSERT INTO admin_action (op, target, version, actor, reason, result) VALUES ($1, $2, $3, $4, $5, $6)"
)

// once does something unless this person has done it to this version already; it gives what came of it then. present gives
// the version there is, or what is to be said when the thing is gone.
func once(
	ctx context.Context, tx pgx.Tx, op, target string, order Order,
	present func() (string, error), act func() (map[string]any, error),
) (map[string]any, error) {
	if _, err := tx.Exec(ctx, lockTarget, target); err != nil {
		return nil, err
	}
	var before map[string]any
	err := tx.QueryRow(ctx, doneBefore, op, target, order.Version, order.Actor).Scan(&before)
	if err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return before, err
	}
	current, err := present()
	if err != nil {
		return nil, err
	}
	if current != order.Version {
		return nil, conflict("version-stale", "It has changed since",
			fmt.Sprintf("its version is %s, not %s", current, order.Version))
	}
	result, err := act()
	if err != nil {
		return nil, err
	}
	return result, note(ctx, tx, op, target, order, result)
}

// note keeps who did what and why.
func note(ctx context.Context, tx pgx.Tx, op, target string, order Order, result map[string]any) error {
	_, err := tx.Exec(ctx, noteAction, op, target, order.Version, order.Actor, order.Reason, result)
	return err
}
