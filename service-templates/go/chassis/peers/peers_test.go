package peers_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chassis/definition"
	"chassis/peers"
	"chassis/saga"
	"chassis/settings"
)

// peer answers as told, behind an issuer of tokens.
type peer struct {
	client *peers.Client
	calls  atomic.Int64

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
}

func newPeer(t *testing.T, limits definition.Limits) *peer {
	p := &peer{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if id, secret, ok := r.BasicAuth(); !ok || id != "me" || secret != "s" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "t", "expires_in": 60})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.calls.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller has gone
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.client = peers.New(&settings.Settings{
		Auth:  settings.Auth{TokenURL: server.URL + "/token", ClientID: "me", ClientSecret: "s"},
		Peers: map[string]string{"stock": server.URL},
	}, limits)
	return p
}

func usual() definition.Limits {
	return definition.Limits{
		BreakerFailures: 5, BreakerOpen: 30, TimeoutInternal: 5, RetryAttempts: 3, BulkheadConcurrent: 4, BulkheadQueued: 4,
	}
}

func (p *peer) says(status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func (p *peer) post(ctx context.Context) (saga.Answer, error) {
	return p.client.Post(ctx, saga.Request{
		Peer: "stock", Route: definition.Route{Method: "POST", Path: "/items/{sku}/reserve"},
		Inputs: map[string]any{"sku": "a/b", "quantity": int64(2)}, IdempotencyKey: "k", CorrelationID: "c",
	})
}

func TestAnOutcomeGoodOrBadIsAnAnswer(t *testing.T) {
	p := newPeer(t, usual())
	p.answer = func(w http.ResponseWriter, r *http.Request) {
		left, err := strconv.Atoi(r.Header.Get("x-deadline-ms"))
		if r.URL.EscapedPath() != "/items/a%2Fb/reserve" || r.Header.Get("authorization") != "Bearer t" ||
			r.Header.Get("idempotency-key") != "k" || r.Header.Get("x-correlation-id") != "c" || err != nil || left > 4950 {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		_, _ = w.Write([]byte(`{"event":"Reserved","data":{"quantity":2}}`))
	}
	got, err := p.post(t.Context())
	if err != nil || !got.CarriedOut || got.Rejected || got.Event != "Reserved" || got.Data["quantity"] != int64(2) {
		t.Errorf("%v %v", got, err)
	}
	p.says(409, `{"type":"…/rejected","rejection":"Refused","data":{}}`)
	if got, err := p.post(t.Context()); err != nil || !got.Rejected || got.Event != "Refused" {
		t.Errorf("%v %v", got, err)
	}
	p.says(422, `{"title":"The request is not valid"}`)
	if got, err := p.post(t.Context()); err != nil || got.CarriedOut || got.Status != 422 {
		t.Errorf("%v %v", got, err)
	}
}

func TestFailuresAreRepeatedThenThePeerIsLeftAlone(t *testing.T) {
	p := newPeer(t, usual())
	p.says(503, `{}`)
	var away *peers.Unavailable
	for range 2 {
		if _, err := p.post(t.Context()); !errors.As(err, &away) {
			t.Fatal(err)
		}
	}
	if calls := p.calls.Load(); calls != 5 { // three tries, then two until five have failed in a row
		t.Errorf("%d calls", calls)
	}
	if _, err := p.post(t.Context()); !errors.As(err, &away) || p.calls.Load() != 5 {
		t.Errorf("it was asked again: %v", err)
	}
}

func TestNothingIsRepeatedPastTheDeadline(t *testing.T) {
	p := newPeer(t, usual())
	p.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := p.post(ctx); err == nil || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestNoMoreCallsAtOnceThanThereArePlaces(t *testing.T) {
	limits := usual()
	limits.TimeoutInternal = 1
	p := newPeer(t, limits)
	release := make(chan struct{})
	var running, most atomic.Int64
	p.answer = func(w http.ResponseWriter, _ *http.Request) {
		now := running.Add(1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		<-release
		running.Add(-1)
		_, _ = w.Write([]byte(`{"event":"Reserved","data":{}}`))
	}
	results := make(chan error, 12)
	for range 12 {
		go func() {
			_, err := p.post(context.Background())
			results <- err
		}()
	}
	refused := 0
	for range 8 { // four work; of the others four are refused at once and four when they waited too long
		var away *peers.Unavailable
		if err := <-results; errors.As(err, &away) {
			refused++
		}
	}
	close(release)
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if refused != 8 || most.Load() != 4 {
		t.Errorf("%d refused, %d at once", refused, most.Load())
	}
}
