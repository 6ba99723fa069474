// Package httpapi is the HTTP interface of a service: its routes come from its facts, so the contract and the code cannot
// differ; and the port for operators.
package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"

	"chassis/database"
	"chassis/domain"
	"chassis/inbox"
	"chassis/message"
)

const (
	problemType = "https://fleet.invalid/problems/" // reserved name (RFC 6761): an identifier, not an address
	problemJSON = "application/problem+json"
	plainJSON   = "application/json"
)

// Problem ends a request with an answer as RFC 9457 wants it; whatever the request wrote is rolled back.
type Problem struct {
	Status  int
	Kind    string
	Title   string
	Detail  string
	Members map[string]any
	Headers map[string]string
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// Answer is a response that can be stored and given again.
type Answer struct {
	Status  int
	Body    json.RawMessage
	Headers map[string]string
}

// answerOf gives a response with a JSON body.
func answerOf(status int, body any, headers map[string]string) (Answer, error) {
	text, err := encode(body)
	all := map[string]string{"content-type": plainJSON}
	maps.Copy(all, headers)
	return Answer{status, text, all}, err
}

// encode is JSON that leaves <, > and & as they are: it is no HTML.
func encode(body any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(body)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

func (p *Problem) answer() Answer {
	body := map[string]any{"type": problemType + p.Kind, "title": p.Title, "status": p.Status}
	if p.Detail != "" {
		body["detail"] = p.Detail
	}
	maps.Copy(body, p.Members)
	text, err := encode(body)
	if err != nil {
		text = []byte("{}") // members are plain data: this cannot be
	}
	headers := map[string]string{"content-type": problemJSON}
	maps.Copy(headers, p.Headers)
	return Answer{p.Status, text, headers}
}

var soon = map[string]string{"retry-after": "1"}

func invalid(faults ...message.FieldError) *Problem {
	return &Problem{
		Status: http.StatusUnprocessableEntity, Kind: "invalid", Title: "The request is not valid",
		Members: map[string]any{"errors": faults},
	}
}

func conflict(kind, title, detail string) *Problem {
	return &Problem{Status: http.StatusConflict, Kind: kind, Title: title, Detail: detail}
}

// deadlinePassed: the caller has stopped waiting, or would have before the work is done.
func deadlinePassed() *Problem {
	return &Problem{Status: http.StatusGatewayTimeout, Kind: "deadline", Title: "The deadline has passed"}
}

func overloaded() *Problem {
	return &Problem{
		Status: http.StatusServiceUnavailable, Kind: "overloaded", Title: "Too many requests at once", Headers: soon,
	}
}

func unavailable() *Problem {
	return &Problem{
		Status: http.StatusServiceUnavailable, Kind: "unavailable", Title: "Not available right now", Headers: soon,
	}
}

// unauthenticated: there is no token, or none that holds (RFC 6750).
func unauthenticated(detail string, isInvalid bool) *Problem {
	challenge := "Bearer"
	if isInvalid {
		challenge = fmt.Sprintf(`Bearer error="invalid_token", error_description="%s"`, detail)
	}
	return &Problem{
		Status: http.StatusUnauthorized, Kind: "unauthenticated", Title: "Authentication is needed", Detail: detail,
		Headers: map[string]string{"www-authenticate": challenge},
	}
}

// problemOf is the problem that an error is for the caller. What is not listed here is a fault of ours: logged whole, said
// to nobody.
func problemOf(ctx context.Context, err error) *Problem {
	var (
		problem   *Problem
		faulty    *message.Invalid
		state     *domain.IllegalState
		violated  *domain.InvariantViolated
		missing   *domain.NotFound
		late      *domain.Conflict
		refused   *pgconn.PgError
		away      *database.Unavailable
		elsewhere inbox.External
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &faulty):
		return invalid(faulty.Errors...)
	case errors.As(err, &state):
		told := conflict("illegal-state", "Not allowed in this state", state.Error())
		told.Members = map[string]any{"state": state.State, "allowed": state.Allowed}
		return told
	case errors.As(err, &violated):
		return conflict("invariant", "A rule would be broken", violated.Text)
	case errors.As(err, &missing):
		return &Problem{Status: http.StatusNotFound, Kind: "not-found", Title: "No such " + missing.What, Detail: missing.Error()}
	case errors.As(err, &late):
		return conflict("conflict", "Somebody else was first", late.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return deadlinePassed()
	case errors.As(err, &refused):
		if told := ofDatabase(refused.Code); told != nil {
			return told
		}
	case errors.As(err, &away), errors.As(err, &elsewhere):
		slog.WarnContext(ctx, "something is away that a request needs", "reason", err)
		return unavailable()
	}
	slog.ErrorContext(ctx, "request failed", "reason", err)
	return &Problem{
		Status: http.StatusInternalServerError, Kind: "internal", Title: "Something went wrong here",
		Detail: "the error is logged under the correlation id",
	}
}

func ofDatabase(code string) *Problem {
	switch code {
	case "57014": // canceled
		return deadlinePassed()
	case "23505": // unique violation
		return conflict("conflict", "Somebody else was first", "the key is taken")
	case "22003": // numeric value out of range
		return conflict("invariant", "A rule would be broken", "numbers have 64 bits")
	case "55P03", "57P01", "57P02", "57P03", "53300": // lock not available, shutting down or starting, too many connections
		return unavailable()
	}
	return nil
}
