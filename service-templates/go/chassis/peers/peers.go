// Package peers makes synchronous calls of other services: with this service's own token, what is left of the deadline,
// the trace and the business transaction.
//
// A failed try is repeated after a pause while there is time, and while the budget for repetitions lasts: what is done for
// a peer in trouble must not be what keeps it there.
package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"chassis/definition"
	"chassis/message"
	"chassis/rules"
	"chassis/saga"
	"chassis/settings"
	"chassis/telemetry"
	"chassis/wire"
)

const answerMost = 4 << 20 // bytes

// Unavailable says that there is no answer: the peer is away, too slow, or was failing so often that it is left alone.
// Trying later may help.
type Unavailable struct {
	Text string
	// leftAlone: the peer was not even asked. Trying at once would be what breaker and bulkhead are against.
	leftAlone bool
}

func (e *Unavailable) Error() string { return e.Text }

// External says that no record is to blame; a peer was tried often enough, so not again at once.
func (e *Unavailable) External() (kind string, inPlace bool) { return message.Handling, false }

// Client asks peers. Any goroutine may use it.
type Client struct {
	limits  definition.Limits
	breaker rules.BreakerRules
	client  *http.Client
	token   *serviceToken
	callees map[string]*callee

	mu     sync.Mutex
	budget rules.Budget
}

// New connects to nothing yet.
func New(read *settings.Settings, limits definition.Limits) *Client {
	// Times are of each call; no redirect is followed, for none is in any contract.
	web := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	client := &Client{
		limits: limits, client: web, token: &serviceToken{auth: read.Auth, client: web}, callees: map[string]*callee{},
		breaker: rules.BreakerRules{Failures: limits.BreakerFailures, Open: int64(limits.BreakerOpen * 1000)},
		budget:  rules.NewBudget(),
	}
	for name, address := range read.Peers {
		client.callees[name] = &callee{
			url: address, places: make(chan struct{}, limits.BulkheadConcurrent), breakers: map[string]rules.Breaker{},
		}
	}
	return client
}

// Close ends idle connections.
func (c *Client) Close() { c.client.CloseIdleConnections() }

type call struct {
	peer, method, route, path string
	body                      map[string]any
	headers                   map[string]string
}

// Answer of a peer as it came.
type Answer struct {
	Status int
	Body   map[string]any
}

// Post sends a command to a peer and waits for its outcome. An *Unavailable says that nobody knows whether it was carried
// out; the same key makes it safe to ask again. It is the saga.Call of an engine.
func (c *Client) Post(ctx context.Context, request saga.Request) (saga.Answer, error) {
	path, body := filled(request.Route.Path, request.Inputs)
	headers := map[string]string{"idempotency-key": request.IdempotencyKey, "x-correlation-id": request.CorrelationID}
	if of := request.Saga; of != nil {
		headers["x-saga-id"], headers["x-saga-type"] = of.ID.String(), of.Type
		headers["x-saga-step"], headers["x-saga-direction"] = of.Step, string(of.Direction)
		if of.Part != "" {
			headers["x-saga-part"] = of.Part
		}
	}
	got, err := c.make(ctx, call{request.Peer, http.MethodPost, request.Route.Path, path, body, headers})
	if err != nil {
		return saga.Answer{}, err
	}
	rejection, _ := got.Body["rejection"].(string)
	event := rejection
	if got.Status < http.StatusMultipleChoices {
		event, _ = got.Body["event"].(string)
	}
	data, _ := got.Body["data"].(map[string]any)
	return saga.Answer{Status: got.Status, CarriedOut: event != "", Rejected: rejection != "", Event: event, Data: data}, nil
}

// Ask gives what a query answers. The path holds {wireName} for keys; what is left of the inputs are parameters.
func (c *Client) Ask(ctx context.Context, peer, path string, inputs map[string]any, correlation string) (Answer, error) {
	at, rest := filled(path, inputs)
	parameters := url.Values{}
	for name, value := range rest {
		if value != nil {
			parameters.Set(name, parameter(value))
		}
	}
	if len(parameters) > 0 {
		at += "?" + parameters.Encode()
	}
	return c.make(ctx, call{peer, http.MethodGet, path, at, nil, map[string]string{"x-correlation-id": correlation}})
}

// make makes the call as often as it makes sense.
func (c *Client) make(ctx context.Context, of call) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.limits.TimeoutInternal*float64(time.Second)))
	defer cancel()
	c.mu.Lock()
	c.budget = c.budget.AfterCall()
	c.mu.Unlock()
	for tried := 1; ; tried++ {
		answer, err := c.try(ctx, of)
		var away *Unavailable
		if err == nil || !errors.As(err, &away) || away.leftAlone {
			return answer, err
		}
		wait, again := rules.WaitBeforeTry(tried, c.limits.RetryAttempts, remaining(ctx).Milliseconds(), rules.Chance)
		if !again || !c.spend() {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(time.Duration(wait) * time.Millisecond):
		}
	}
}

func (c *Client) spend() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	left, may := c.budget.Spend()
	c.budget = left
	return may
}

func remaining(ctx context.Context) time.Duration {
	until, _ := ctx.Deadline() // make gave one
	return time.Until(until)
}

func (c *Client) try(ctx context.Context, of call) (Answer, error) {
	to := c.callees[of.peer]
	if to == nil {
		return Answer{}, fmt.Errorf("%s is no peer of this service", of.peer)
	}
	leave, ok := to.enter(ctx, c.limits.BulkheadConcurrent, c.limits.BulkheadQueued, remaining(ctx))
	if !ok {
		return Answer{}, &Unavailable{of.peer + ": too many calls at once", true}
	}
	defer leave()
	operation := of.method + " " + of.route
	if !to.admits(c.breaker, operation) {
		text := fmt.Sprintf("%s: left alone after %d failures in a row", of.peer, c.limits.BreakerFailures)
		return Answer{}, &Unavailable{text, true}
	}
	succeeded := false
	defer func() { to.note(c.breaker, operation, succeeded) }()
	answer, err := c.traced(ctx, to.url, operation, of)
	if err != nil {
		return Answer{}, &Unavailable{of.peer + ": " + err.Error(), false}
	}
	succeeded = answer.Status < http.StatusInternalServerError
	if !succeeded || answer.Status == http.StatusTooManyRequests || isInFlight(answer) {
		return Answer{}, &Unavailable{fmt.Sprintf("%s: answered %d", of.peer, answer.Status), false}
	}
	return answer, nil
}

// isInFlight: the same request is being served already, its outcome is not known yet.
func isInFlight(answer Answer) bool {
	kind, _ := answer.Body["type"].(string)
	return answer.Status == http.StatusConflict && strings.HasSuffix(kind, "/in-flight")
}

func (c *Client) traced(ctx context.Context, address, name string, of call) (Answer, error) {
	ctx, span := telemetry.Start(ctx, telemetry.Span{Name: name, Kind: trace.SpanKindClient, Attributes: []attribute.KeyValue{
		attribute.String("http.request.method", of.method), attribute.String("server.address", of.peer),
		attribute.String("url.template", of.route),
	}})
	defer span.End()
	// Once more with a fresh token when the first is refused: keys may have been rotated.
	answer, err := c.send(ctx, address, of, false)
	if err == nil && answer.Status == http.StatusUnauthorized {
		answer, err = c.send(ctx, address, of, true)
	}
	if err != nil {
		telemetry.Failed(span, "unavailable")
		return answer, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", answer.Status))
	if answer.Status >= http.StatusInternalServerError {
		telemetry.Failed(span, strconv.Itoa(answer.Status))
	}
	return answer, nil
}

func (c *Client) send(ctx context.Context, address string, of call, fresh bool) (Answer, error) {
	token, err := c.token.get(ctx, fresh)
	if err != nil {
		return Answer{}, err
	}
	var body io.Reader
	if of.body != nil {
		text, err := json.Marshal(of.body)
		if err != nil {
			return Answer{}, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, of.method, address+of.path, body)
	if err != nil {
		return Answer{}, err
	}
	headers := map[string]string{}
	telemetry.Inject(ctx, headers)
	for _, all := range []map[string]string{of.headers, headers} {
		for name, value := range all {
			request.Header.Set(name, value)
		}
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("authorization", "Bearer "+token)
	_, told, worth := rules.CallWithin(remaining(ctx).Milliseconds(), int64(c.limits.TimeoutInternal*1000))
	if !worth {
		return Answer{}, context.DeadlineExceeded
	}
	request.Header.Set("x-deadline-ms", strconv.FormatInt(told, 10))
	response, err := c.client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerMost))
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Status: response.StatusCode}
	if read, err := wire.Parse(text); err == nil { // a proxy's page is an answer without content
		answer.Body = wire.Whole(read)
	}
	return answer, nil
}

var keys = regexp.MustCompile(`\{(\w+)\}`)

// filled is the path with its keys, and the inputs that are left.
func filled(template string, inputs map[string]any) (string, map[string]any) {
	rest := map[string]any{}
	for name, value := range inputs {
		rest[name] = value
	}
	path := keys.ReplaceAllStringFunc(template, func(key string) string {
		name := key[1 : len(key)-1]
		delete(rest, name)
		return url.PathEscape(parameter(inputs[name]))
	})
	return path, rest
}

func parameter(value any) string {
	if text, isText := value.(string); isText {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}
