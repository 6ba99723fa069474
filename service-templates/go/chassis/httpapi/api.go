package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chassis/service"
	"chassis/telemetry"
)

// working is how many requests are served at a time: fewer than connections to the database, for relay, consumer and
// timers need theirs.
const working = 8

type serve func(ctx context.Context, in *incoming) (Answer, error)

type route struct {
	method, path string
	parts        []string
	isInternal   bool
	serve        serve
}

// API serves the commands and queries of a service.
type API struct {
	service            *service.Service
	ports              Ports
	limiter            *limiter
	gate               *gate
	internal, external time.Duration
	routes             []route
}

// New makes the interface of a service that was checked.
func New(of *service.Service, ports Ports) *API {
	facts := of.Definition
	api := &API{
		service: of, ports: ports, limiter: newLimiter(facts.Limits.RateLimitPerMinute),
		gate:     newGate(working, facts.Limits.BulkheadQueued),
		internal: seconds(facts.Limits.TimeoutInternal), external: seconds(facts.Limits.TimeoutExternal),
	}
	for _, command := range facts.Commands {
		api.add(command.Route.Method, command.Route.Path, command.Exposure, api.command(command))
	}
	for _, query := range facts.Queries {
		api.add(query.Route.Method, query.Route.Path, query.Exposure, api.query(query))
	}
	// A path without placeholders must be tried before one that would take its last part for a key.
	slices.SortFunc(api.routes, func(a, b route) int {
		if byKeys := strings.Count(a.path, "{") - strings.Count(b.path, "{"); byKeys != 0 {
			return byKeys
		}
		return strings.Compare(a.path, b.path)
	})
	return api
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }

func (a *API) add(method, path, exposure string, do serve) {
	a.routes = append(a.routes, route{method, path, strings.Split(path, "/"), exposure == "internal", do})
}

// match gives the placeholders of a path; false when it is another one.
func (r route) match(path string) (map[string]string, bool) {
	parts := strings.Split(path, "/")
	if len(parts) != len(r.parts) {
		return nil, false
	}
	found := map[string]string{}
	for i, part := range r.parts {
		name, isKey := strings.CutPrefix(part, "{")
		switch {
		case isKey && parts[i] != "":
			found[strings.TrimSuffix(name, "}")] = parts[i]
		case part != parts[i]:
			return nil, false
		}
	}
	return found, true
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	correlation := correlationOf(request.Header)
	var allowed []string
	for _, each := range a.routes {
		path, found := each.match(request.URL.Path)
		switch {
		case found && each.method == request.Method:
			a.endpoint(writer, request, each, path, correlation)
			return
		case found:
			allowed = append(allowed, each.method)
		}
	}
	problem := &Problem{Status: http.StatusNotFound, Kind: "not-found", Title: "There is nothing at this address"}
	if len(allowed) > 0 {
		slices.Sort(allowed)
		problem = &Problem{
			Status: http.StatusMethodNotAllowed, Kind: "method", Title: "Another method is wanted here",
			Headers: map[string]string{"allow": strings.Join(slices.Compact(allowed), ", ")},
		}
	}
	respond(writer, problem.answer(), correlation)
}

func (a *API) endpoint(writer http.ResponseWriter, request *http.Request, at route, path map[string]string, correlation string) {
	headers := map[string]string{}
	for _, name := range []string{"traceparent", "tracestate", "baggage"} {
		if value := request.Header.Get(name); value != "" {
			headers[name] = value
		}
	}
	attributes := []attribute.KeyValue{
		attribute.String("http.request.method", at.method), attribute.String("http.route", at.path),
	}
	began := time.Now()
	ctx, span := telemetry.Start(request.Context(), telemetry.Span{
		Name: at.method + " " + at.path, Kind: trace.SpanKindServer, Parent: headers, Attributes: attributes,
	})
	defer span.End()
	ctx = telemetry.Bind(ctx, telemetry.Bound{Correlation: correlation})
	answer, err := a.attempt(ctx, writer, request, at, path, correlation)
	if err != nil {
		answer = problemOf(ctx, err).answer()
	}
	status := attribute.Int("http.response.status_code", answer.Status)
	span.SetAttributes(status)
	if answer.Status >= http.StatusInternalServerError {
		telemetry.Failed(span, fmt.Sprint(answer.Status))
	}
	telemetry.RequestDuration.Record(ctx, time.Since(began).Seconds(), telemetry.With(append(attributes, status)...))
	respond(writer, answer, correlation)
}

func (a *API) attempt(
	ctx context.Context, writer http.ResponseWriter, request *http.Request, at route, path map[string]string, correlation string,
) (answer Answer, err error) {
	defer func() {
		if said := recover(); said != nil {
			slog.ErrorContext(ctx, "a handler panicked", "route", at.path, "said", said, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", said)
		}
	}()
	most := a.external
	if at.isInternal {
		most = a.internal
	}
	in, err := read(writer, request, path, correlation, most)
	if err != nil {
		return Answer{}, err
	}
	if _, err := in.remaining(); err != nil { // what has expired on the way costs no place
		return Answer{}, err
	}
	leave, err := a.gate.enter(ctx, urgencyOf(request.Header.Get("priority"), at.isInternal), in.deadline)
	if err != nil {
		return Answer{}, err
	}
	defer leave()
	// A caller that hangs up does not end a command half done: its transaction ends by itself, and in time.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), in.deadline)
	defer cancel()
	return at.serve(ctx, in)
}

func respond(writer http.ResponseWriter, answer Answer, correlation string) {
	header := writer.Header()
	header.Set(correlationHeader, correlation)
	for name, value := range answer.Headers {
		header.Set(name, value)
	}
	writer.WriteHeader(answer.Status)
	_, _ = writer.Write(answer.Body) // who hung up is told nothing
}
