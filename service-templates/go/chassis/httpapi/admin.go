package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"chassis/telemetry"
)

const (
	adminScope, readScope = "admin", "admin.read"
	adminMost             = 10 * time.Second
)

// Operations are what operators can see and do. What is shown with a version is changed with that version in If-Match.
type Operations interface {
	Status(ctx context.Context) (map[string]any, error)
	View(ctx context.Context, name string) (json.RawMessage, error)
	ListSagas(ctx context.Context, status, sagaType string, after *uuid.UUID) (any, error)
	ShowSaga(ctx context.Context, id uuid.UUID) (any, error)
	OperateSaga(ctx context.Context, id uuid.UUID, op string, order Order) (any, error)
	ShowOutbox(ctx context.Context, id uuid.UUID) (any, error)
	MendOutbox(ctx context.Context, id uuid.UUID, op string, order Order) (any, error)
	ShowParked(ctx context.Context, handler, key string) (any, error)
	MendParked(ctx context.Context, handler, key, op string, order Order) (any, error)
	DeadLetters(ctx context.Context) (any, error)
	ListLetters(ctx context.Context, topic, state string) (any, error)
	ShowLetter(ctx context.Context, topic string, partition int32, offset int64) (any, error)
	MendLetters(ctx context.Context, topic, op string, wanted Redrive, order Order) (any, error)
}

// Admin is the port for operators and for whoever runs the process. Health is open. To look, a token needs the scope
// admin.read or admin; to change anything, admin.
type Admin struct {
	health       *Health
	operations   Operations
	authenticate Authenticate
}

// NewAdmin makes the interface.
func NewAdmin(health *Health, operations Operations, authenticate Authenticate) *Admin {
	return &Admin{health, operations, authenticate}
}

// ServeHTTP implements http.Handler.
func (a *Admin) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	switch request.URL.Path {
	case "/livez":
		tell(writer, "alive", true)
	case "/startupz":
		if a.health.Started.Load() {
			tell(writer, "started", true)
		} else {
			tell(writer, "starting", false)
		}
	case "/readyz":
		if fault := a.health.Fault(request.Context()); fault != "" {
			tell(writer, fault, false)
		} else {
			tell(writer, "ready", true)
		}
	default:
		a.operate(writer, request)
	}
}

func tell(writer http.ResponseWriter, text string, well bool) {
	writer.Header().Set("content-type", "text/plain; charset=utf-8")
	if !well {
		writer.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = writer.Write([]byte(text))
}

func (a *Admin) operate(writer http.ResponseWriter, request *http.Request) {
	correlation := correlationOf(request.Header)
	ctx, cancel := context.WithTimeout(request.Context(), adminMost)
	defer cancel()
	ctx = telemetry.Bind(ctx, telemetry.Bound{Correlation: correlation})
	answer, err := a.attempt(ctx, writer, request, correlation)
	if err != nil {
		answer = problemOf(ctx, err).answer()
	}
	respond(writer, answer, correlation)
}

func (a *Admin) attempt(ctx context.Context, writer http.ResponseWriter, request *http.Request, correlation string) (Answer, error) {
	if !a.health.Started.Load() {
		return Answer{}, unavailable() // there is no database yet
	}
	in, err := read(writer, request, nil, correlation, adminMost)
	if err != nil {
		return Answer{}, err
	}
	caller, err := a.authenticate(ctx, request.Header.Get("authorization"))
	if err != nil {
		return Answer{}, err
	}
	changes, scope := request.Method == http.MethodPost, adminScope
	if !changes && slices.Contains(caller.Scopes, readScope) {
		scope = readScope
	}
	if err := caller.need([]string{scope}, false); err != nil {
		return Answer{}, err
	}
	// Keys may hold anything but a slash in their own segment; they are split before they are unescaped.
	path := strings.Split(strings.Trim(request.URL.EscapedPath(), "/"), "/")
	if len(path) < 2 || path[0] != "admin" {
		return Answer{}, nothingHere()
	}
	content, err := a.serve(ctx, in, caller, path[1:], changes)
	if err != nil {
		return Answer{}, err
	}
	if changes {
		slog.WarnContext(ctx, "admin", "path", request.URL.Path, "actor", caller.Subject)
	}
	return shown(content)
}

func nothingHere() *Problem {
	return &Problem{Status: http.StatusNotFound, Kind: "not-found", Title: "There is nothing at this address"}
}

// shown is the answer, with the version of what is shown as its ETag.
func shown(content any) (Answer, error) {
	answer, err := answerOf(http.StatusOK, content, nil)
	var known struct {
		Version any `json:"version"`
	}
	if err == nil && json.Unmarshal(answer.Body, &known) == nil && known.Version != nil {
		text, isText := known.Version.(string)
		if number, isNumber := known.Version.(float64); isNumber {
			text, isText = strconv.FormatInt(int64(number), 10), true
		}
		if isText {
			answer.Headers["etag"] = fmt.Sprintf("%q", text)
		}
	}
	return answer, err
}

func (a *Admin) serve(ctx context.Context, in *incoming, caller Caller, path []string, changes bool) (any, error) {
	parts := make([]string, len(path))
	for i, part := range path {
		text, err := pathUnescape(part)
		if err != nil {
			return nil, nothingHere()
		}
		parts[i] = text
	}
	if changes {
		return a.change(ctx, in, caller, parts)
	}
	return a.look(ctx, in, parts)
}

func (a *Admin) look(ctx context.Context, in *incoming, path []string) (any, error) {
	id := uuid.Nil
	if len(path) == 2 {
		id, _ = uuid.Parse(path[1])
	}
	switch {
	case len(path) == 1 && path[0] == "status":
		return a.status(ctx)
	case len(path) == 1 && path[0] == "sagas":
		return a.sagas(ctx, in)
	case len(path) == 1 && path[0] == "dlq":
		items, err := a.operations.DeadLetters(ctx)
		return map[string]any{"items": items}, err
	case len(path) == 1 && views[path[0]] != "":
		items, err := a.operations.View(ctx, path[0])
		return map[string]any{"items": items}, err
	case len(path) == 2 && path[0] == "sagas" && id != uuid.Nil:
		return a.operations.ShowSaga(ctx, id)
	case len(path) == 2 && path[0] == "outbox" && id != uuid.Nil:
		return a.operations.ShowOutbox(ctx, id)
	case len(path) == 2 && path[0] == "dlq":
		items, err := a.operations.ListLetters(ctx, path[1], in.query.Get("state"))
		return map[string]any{"items": items}, err
	case len(path) >= 3 && path[0] == "parked":
		return a.operations.ShowParked(ctx, path[1], strings.Join(path[2:], "/"))
	case len(path) == 4 && path[0] == "dlq":
		partition, err := strconv.ParseInt(path[2], 10, 32)
		offset, wrong := strconv.ParseInt(path[3], 10, 64)
		if err != nil || wrong != nil {
			return nil, nothingHere()
		}
		return a.operations.ShowLetter(ctx, path[1], int32(partition), offset)
	}
	return nil, nothingHere()
}

func (a *Admin) status(ctx context.Context) (any, error) {
	status, err := a.operations.Status(ctx)
	if err != nil {
		return nil, err
	}
	fault := a.health.Fault(ctx)
	status["ready"], status["fault"] = fault == "", fault
	return status, nil
}

func (a *Admin) sagas(ctx context.Context, in *incoming) (any, error) {
	var after *uuid.UUID
	if given := in.query.Get("after"); given != "" {
		id, err := uuid.Parse(given)
		if err != nil {
			return nil, &Problem{Status: http.StatusBadRequest, Kind: "malformed", Title: "after is not the end of a page"}
		}
		after = &id
	}
	return a.operations.ListSagas(ctx, in.query.Get("status"), in.query.Get("type"), after)
}

func (a *Admin) change(ctx context.Context, in *incoming, caller Caller, path []string) (any, error) {
	last := path[len(path)-1]
	at := strings.LastIndex(last, ":")
	if at < 0 || len(path) < 2 {
		return nil, nothingHere()
	}
	op := last[at+1:]
	path[len(path)-1] = last[:at]
	order, body, err := in.order(caller, path[0] != "dlq")
	if err != nil {
		return nil, err
	}
	id, _ := uuid.Parse(path[1])
	switch {
	case path[0] == "sagas" && len(path) == 2 && id != uuid.Nil:
		return a.oneOf(op, []string{"retry", "skip", "compensate", "abort"}, func() (any, error) {
			return a.operations.OperateSaga(ctx, id, op, order)
		})
	case path[0] == "outbox" && len(path) == 2 && id != uuid.Nil:
		return a.oneOf(op, []string{"redrive", "discard"}, func() (any, error) {
			return a.operations.MendOutbox(ctx, id, op, order)
		})
	case path[0] == "parked" && len(path) >= 3:
		return a.oneOf(op, []string{"retry", "discard"}, func() (any, error) {
			return a.operations.MendParked(ctx, path[1], strings.Join(path[2:], "/"), op, order)
		})
	case path[0] == "dlq" && len(path) == 2:
		return a.oneOf(op, []string{"redrive", "discard"}, func() (any, error) {
			wanted, err := body.redrive()
			if err != nil {
				return nil, err
			}
			return a.operations.MendLetters(ctx, path[1], op, wanted, order)
		})
	}
	return nil, nothingHere()
}

func (a *Admin) oneOf(op string, known []string, do func() (any, error)) (any, error) {
	if !slices.Contains(known, op) {
		return nil, &Problem{
			Status: http.StatusNotFound, Kind: "not-found", Title: "There is no such operation",
			Detail: "there are " + strings.Join(known, ", "),
		}
	}
	return do()
}
