package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"chassis/database"
	"chassis/definition"
	"chassis/execute"
	"chassis/message"
	"chassis/paging"
	"chassis/telemetry"
)

const tries = 3

// Steps carries out saga steps that come over HTTP, behind the same barrier as those that come over the bus.
type Steps interface {
	Perform(ctx context.Context, name string, payload map[string]any, work *database.Work) (execute.Executed, error)
}

// Ports are what the interface needs of the rest of the process.
type Ports struct {
	DB           *database.Database
	Authenticate Authenticate
	Sagas        execute.SagaStarter // nil where the service takes part in none
	Steps        Steps               // nil where the service takes part in none
}

// command carries out a command once for its Idempotency-Key; effect, events and answer are committed together.
func (a *API) command(facts definition.Command) serve {
	return func(ctx context.Context, in *incoming) (Answer, error) {
		caller, err := a.admitted(ctx, in, facts.Scopes, facts.Exposure)
		if err != nil {
			return Answer{}, err
		}
		key, err := requiredKey(in.header)
		if err != nil {
			return Answer{}, err
		}
		given, err := in.command(facts.Fields)
		if err != nil {
			return Answer{}, err
		}
		shape, err := a.service.Shape(facts.Name.Text)
		if err != nil {
			return Answer{}, err
		}
		payload, err := shape.Read(given) // a faulty message must not cost a transaction
		if err != nil {
			return Answer{}, err
		}
		digest, err := digestOf(given)
		if err != nil {
			return Answer{}, err
		}
		scope := caller.Subject + " " + facts.Route.Method + " " + facts.Route.Path
		cause := causeOf(ctx, caller, in)
		cause.Request = scope + " " + key
		if cause.Saga != nil {
			ctx = telemetry.Bind(ctx, telemetry.Bound{Saga: cause.Saga.ID.String()})
		}
		return a.transact(ctx, in, cause, func(ctx context.Context, work *database.Work) (Answer, error) {
			stored, err := claim(ctx, work, scope, key, digest)
			if err != nil || stored != nil {
				return value(stored), err
			}
			executed, err := a.carryOut(ctx, facts.Name.Text, payload, work)
			if err != nil {
				return Answer{}, err
			}
			answer, err := a.answer(facts, executed, in)
			if err != nil {
				return Answer{}, err
			}
			return answer, record(ctx, work, scope, key, digest, answer)
		})
	}
}

func value(answer *Answer) Answer {
	if answer == nil {
		return Answer{}
	}
	return *answer
}

// query answers a query.
func (a *API) query(facts definition.Query) serve {
	handler := a.service.Queries[facts.Name.Text]
	return func(ctx context.Context, in *incoming) (Answer, error) {
		caller, err := a.admitted(ctx, in, facts.Scopes, facts.Exposure)
		if err != nil {
			return Answer{}, err
		}
		var page paging.Request
		var reserved []string
		if facts.Kind == "search" {
			reserved = []string{"after", "limit"}
			if page, err = in.page(); err != nil {
				return Answer{}, err
			}
		}
		given, err := in.question(facts.Takes, reserved...)
		if err != nil {
			return Answer{}, err
		}
		shape, err := a.service.Shape(facts.Name.Text)
		if err != nil {
			return Answer{}, err
		}
		payload, err := shape.Read(given)
		if err != nil {
			return Answer{}, err
		}
		cause := causeOf(ctx, caller, in)
		return a.transact(ctx, in, cause, func(ctx context.Context, work *database.Work) (Answer, error) {
			found, err := handler(ctx, payload, page, work)
			if err != nil {
				return Answer{}, err
			}
			return answerOf(http.StatusOK, found, nil)
		})
	}
}

// transact works in a transaction that ends before the caller stops waiting. The database may give up one of two that
// stand in each other's way; that one starts over.
func (a *API) transact(
	ctx context.Context, in *incoming, cause message.Context, do func(context.Context, *database.Work) (Answer, error),
) (answer Answer, err error) {
	for try := 1; ; try++ {
		left, late := in.remaining()
		if late != nil {
			return Answer{}, late
		}
		err = a.ports.DB.WorkWithin(ctx, cause, left, func(work *database.Work) (err error) {
			answer, err = do(ctx, work)
			return err
		})
		var refused *pgconn.PgError
		isUnlucky := errors.As(err, &refused) && (refused.Code == "40001" || refused.Code == "40P01")
		if !isUnlucky || try == tries {
			return answer, err
		}
		slog.InfoContext(ctx, "transaction starts over", "code", refused.Code)
		time.Sleep(20 * time.Millisecond)
	}
}

func (a *API) carryOut(ctx context.Context, name string, payload map[string]any, work *database.Work) (execute.Executed, error) {
	if work.Context().Saga != nil && a.ports.Steps != nil {
		return a.ports.Steps.Perform(ctx, name, payload, work)
	}
	return execute.Command(ctx, a.service, name, payload, work, a.ports.Sagas)
}

// admitted is who calls, when this call is allowed to them now.
func (a *API) admitted(ctx context.Context, in *incoming, scopes []string, exposure string) (Caller, error) {
	caller, err := a.ports.Authenticate(ctx, in.header.Get("authorization"))
	if err != nil {
		return caller, err
	}
	if err := caller.need(scopes, exposure == "internal"); err != nil {
		return caller, err
	}
	if caller.Kind == "user" {
		return caller, a.limiter.admit(caller.Subject)
	}
	return caller, nil
}

func causeOf(ctx context.Context, caller Caller, in *incoming) message.Context {
	cause := message.Context{
		CorrelationID: in.correlation, Caller: caller.Subject, TraceParent: telemetry.TraceParent(ctx),
	}
	if caller.Kind == "service" {
		cause.Saga = in.saga()
	}
	return cause
}

func (a *API) answer(facts definition.Command, executed execute.Executed, in *incoming) (Answer, error) {
	headers := map[string]string{correlationHeader: in.correlation}
	if executed.SagaID != nil {
		headers[sagaIDHeader] = executed.SagaID.String()
	}
	if executed.Rejected {
		refusal := rejected(executed)
		refusal.Headers = headers
		return refusal.answer(), nil
	}
	body := outcome{executed.EventName, executed.EventWire}
	if facts.Target != "new" {
		return answerOf(http.StatusOK, body, headers)
	}
	if event := a.service.Definition.Event(executed.EventName); event != nil && a.canBeRead(facts) {
		if key, isText := executed.EventWire[event.Subject].(string); isText {
			headers["location"] = facts.Route.Path + "/" + key
		}
	}
	return answerOf(http.StatusCreated, body, headers)
}

type outcome struct {
	Event string         `json:"event"`
	Data  map[string]any `json:"data"`
}

// rejected: the command was refused by a rule of the domain. Unlike other problems this one is a committed outcome.
func rejected(executed execute.Executed) *Problem {
	return &Problem{
		Status: http.StatusConflict, Kind: "rejected", Title: "The command was rejected",
		Detail:  "the outcome is " + executed.EventName,
		Members: map[string]any{"rejection": executed.EventName, "data": executed.EventWire},
	}
}

// canBeRead tells whether what the command creates has an address of its own.
func (a *API) canBeRead(facts definition.Command) bool {
	for _, query := range a.service.Definition.Queries {
		if query.Kind == "by-key" && strings.HasPrefix(query.Route.Path, facts.Route.Path+"/{") {
			return true
		}
	}
	return false
}
