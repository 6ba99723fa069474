package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/internal/lab"
)

var program string

// TestMain builds the service once, with the labelled points of a conformance build.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "chassis-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "tinyservice")
	build := exec.Command("go", "build", "-race", "-tags", "conformance", "-o", program, "chassis/internal/tiny/tinyservice")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// fleet is what the services of one test share.
type fleet struct {
	t         *testing.T
	name      string
	bus       *lab.Bus
	around    *lab.Neighbours
	databases map[string]string
}

func newFleet(t *testing.T) *fleet {
	return &fleet{
		t: t, name: "tiny" + strings.ReplaceAll(uuid.NewString(), "-", "")[:8], bus: lab.NewBus(t),
		around: lab.NewNeighbours(t), databases: map[string]string{},
	}
}

type running struct {
	*fleet
	process  *exec.Cmd
	log      *locked
	ended    chan error
	api      string
	admin    string
	database string
}

func port(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// begin starts a service; it may end by itself.
func (f *fleet) begin(kind string, environment ...string) *running {
	f.t.Helper()
	if f.databases[kind] == "" {
		f.databases[kind] = lab.NewDatabase(f.t)
	}
	http, admin := port(f.t), port(f.t)
	r := &running{
		fleet: f, log: &locked{}, ended: make(chan error, 1), database: f.databases[kind],
		api: fmt.Sprint("http://127.0.0.1:", http), admin: fmt.Sprint("http://127.0.0.1:", admin),
	}
	r.process = exec.Command(program, kind, f.name)
	r.process.Stdout, r.process.Stderr = r.log, r.log
	r.process.Env = append([]string{
		"DATABASE_URL=" + r.database, "KAFKA_BOOTSTRAP=" + f.bus.Bootstrap, "SCHEMA_REGISTRY_URL=" + f.around.URL,
		"HTTP_PORT=" + strconv.Itoa(http), "ADMIN_PORT=" + strconv.Itoa(admin), "AUTH_ISSUER=" + f.around.URL,
		"AUTH_JWKS_URL=" + f.around.URL + "/jwks.json", "AUTH_AUDIENCE=tiny", "FLEET_INSTANCE=0",
	}, environment...)
	if err := r.process.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() { r.ended <- r.process.Wait() }()
	f.t.Cleanup(func() {
		_ = r.process.Process.Kill()
		if f.t.Failed() {
			f.t.Logf("%s\n%s", kind, r.log)
		}
	})
	return r
}

// ready starts a service and waits until it is ready.
func (f *fleet) ready(kind string, environment ...string) *running {
	f.t.Helper()
	r := f.begin(kind, environment...)
	lab.Until(f.t, kind+" to be ready", func() bool {
		response, err := http.Get(r.admin + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return r
}

// end waits for its end and gives the exit code, -1 when a signal ended it.
func (r *running) end() int {
	r.t.Helper()
	select {
	case <-r.ended:
		return r.process.ProcessState.ExitCode()
	case <-time.After(40 * time.Second):
		r.t.Fatal("it does not end")
		return 0
	}
}

func (r *running) signal(number syscall.Signal) {
	r.t.Helper()
	if err := r.process.Process.Signal(number); err != nil {
		r.t.Fatal(err)
	}
}

// locked is a log that may be read while it is written.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type said struct {
	status int
	header http.Header
	body   map[string]any
}

// call asks; a connection that breaks gives status 0.
func (r *running) call(method, url, token string, body any, headers ...string) said {
	r.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(r.t.Context(), method, url, sent)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("authorization", "Bearer "+token)
	}
	request.Header.Set("content-type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return said{}
	}
	defer func() { _ = response.Body.Close() }()
	got := said{status: response.StatusCode, header: response.Header}
	if err := json.NewDecoder(response.Body).Decode(&got.body); err != nil {
		r.t.Errorf("%s %s: %d is no JSON: %v", method, url, response.StatusCode, err)
	}
	return got
}

func (r *running) token(scopes ...string) string {
	return r.around.Token(r.t, "tiny", "user", scopes...)
}

func (r *running) place(customer string, quantity int, key string) said {
	r.t.Helper()
	return r.call(http.MethodPost, r.api+"/orders", r.token("order.write"), map[string]any{
		"customerId": customer, "quantity": quantity, "price": map[string]any{"amount": 1200, "currency": "EUR"},
		"email": "ada@example.org",
	}, "idempotency-key", key)
}

func (r *running) count(query string) int64 {
	r.t.Helper()
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, r.database)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = connection.Close(ctx) }()
	var number int64
	if err := connection.QueryRow(ctx, query).Scan(&number); err != nil {
		r.t.Fatal(err)
	}
	return number
}

func (f *fleet) topic() string { return f.name + ".order.order.events" }

func TestFromCommandToEffectInAnotherService(t *testing.T) {
	f := newFleet(t)
	orders, watcher := f.ready("orders"), f.ready("watcher")
	customer := uuid.NewString()
	const number = 20
	for n := range number {
		got := orders.place(customer, 1+n, fmt.Sprint("key-", n))
		if got.status != http.StatusCreated || got.body["event"] != "OrderPlaced" {
			t.Fatalf("%d %v", got.status, got.body)
		}
		again := orders.place(customer, 1+n, fmt.Sprint("key-", n))
		if again.status != http.StatusCreated || again.header.Get("idempotent-replayed") != "true" ||
			fmt.Sprint(again.body) != fmt.Sprint(got.body) {
			t.Fatalf("not the same: %d %v", again.status, again.body)
		}
		address := got.header.Get("location")
		one := orders.call(http.MethodGet, orders.api+address, orders.token("order.read"), nil)
		if one.status != http.StatusOK || one.body["quantity"] != float64(1+n) {
			t.Fatalf("%s: %d %v", address, one.status, one.body)
		}
	}
	lab.Until(t, "the effects", func() bool { return watcher.count("SELECT count(*) FROM seen") == number })
	records := f.bus.Read(number, f.topic())
	for key, sequences := range lab.FirstSequences(records) {
		if key != customer || !lab.IsDense(sequences) {
			t.Errorf("%s: %v", key, sequences)
		}
	}
	if watcher.count("SELECT count(*) FROM inbox") != number || orders.count("SELECT count(*) FROM outbox") != 0 {
		t.Error("inbox or outbox do not fit")
	}
	for _, each := range []*running{orders, watcher} {
		each.signal(syscall.SIGTERM)
		if code := each.end(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if held := each.count("SELECT count(*) FROM lease WHERE owner IS NOT NULL"); held != 0 {
			t.Errorf("%d leases are still held", held)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	f := newFleet(t)
	orders := f.ready("orders")
	customer := uuid.NewString()
	good := map[string]any{
		"customerId": customer, "quantity": 1, "price": map[string]any{"amount": 1, "currency": "EUR"}, "email": "a@b.c",
	}
	with := func(name string, value any) map[string]any {
		changed := map[string]any{}
		for each, old := range good {
			changed[each] = old
		}
		changed[name] = value
		return changed
	}
	write := orders.token("order.write")
	for what, one := range map[string]struct {
		token  string
		body   any
		status int
		kind   string
	}{
		"no token":         {"", good, 401, "unauthenticated"},
		"a damaged token":  {write[:len(write)-8] + "aaaaaaaa", good, 401, "unauthenticated"},
		"another audience": {orders.around.Token(t, "other", "user", "order.write"), good, 401, "unauthenticated"},
		"no scope":         {orders.token("order.read"), good, 403, "forbidden"},
		"an unknown field": {write, with("more", 1), 422, "invalid"},
		"a wrong type":     {write, with("quantity", "one"), 422, "invalid"},
		"a fraction":       {write, with("quantity", 1.5), 422, "invalid"},
		"a rule":           {write, with("quantity", 0), 409, "invariant"},
		"a rejection":      {write, with("quantity", 100), 409, "rejected"},
		"a bug":            {write, with("quantity", 1000), 500, "internal"},
	} {
		got := orders.call(http.MethodPost, orders.api+"/orders", one.token, one.body, "idempotency-key", what)
		if got.status != one.status || !strings.HasSuffix(fmt.Sprint(got.body["type"]), "/"+one.kind) {
			t.Errorf("%s: %d %v", what, got.status, got.body)
		}
	}
	if stored := orders.count(`SELECT count(*) FROM "order"`); stored != 1 { // the rejection is a decision, too
		t.Errorf("%d orders are stored", stored)
	}
	if got := orders.call(http.MethodPost, orders.api+"/orders", write, good); got.status != 400 {
		t.Errorf("without Idempotency-Key: %d", got.status)
	}
	orders.call(http.MethodPost, orders.api+"/orders", write, good, "idempotency-key", "twice")
	if got := orders.call(http.MethodPost, orders.api+"/orders", write, with("quantity", 2), "idempotency-key", "twice"); got.status != 422 {
		t.Errorf("a key used for another request: %d", got.status)
	}
	late := orders.call(http.MethodPost, orders.api+"/orders", write, good, "idempotency-key", "late", "x-deadline-ms", "0")
	if late.status != 504 {
		t.Errorf("too late: %d", late.status)
	}
	internal := orders.call(http.MethodPost, orders.api+"/orders/"+uuid.NewString()+"/confirm", orders.token("order.confirm"), nil, "idempotency-key", "i")
	if internal.status != 403 {
		t.Errorf("a user calls what is internal: %d", internal.status)
	}
	service := orders.around.Token(t, "tiny", "service", "order.confirm")
	missing := orders.call(http.MethodPost, orders.api+"/orders/"+uuid.NewString()+"/confirm", service, nil, "idempotency-key", "m")
	if missing.status != 404 {
		t.Errorf("no such order: %d %v", missing.status, missing.body)
	}
	if strings.Contains(orders.log.String(), "ada@example.org") {
		t.Error("a sensitive field is in the log")
	}
}

// A crash before the commit leaves nothing; one after it loses nothing.
func TestKilledAroundTheCommit(t *testing.T) {
	for label, committed := range map[string]int64{"tx.before_commit": 0, "tx.after_commit": 1} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			customer := uuid.NewString()
			// The start itself has one unit of work.
			killed := f.ready("orders", "FLEET_CRASH_AT="+label+":2")
			if got := killed.place(customer, 1, "one"); got.status != 0 {
				t.Fatalf("it answered %d", got.status)
			}
			if code := killed.end(); code != -1 {
				t.Fatalf("exit code %d", code)
			}
			if stored := killed.count(`SELECT count(*) FROM "order"`); stored != committed {
				t.Fatalf("%d orders are stored", stored)
			}
			orders := f.ready("orders")
			again := orders.place(customer, 1, "one")
			if again.status != http.StatusCreated || (again.header.Get("idempotent-replayed") == "true") != (committed == 1) {
				t.Errorf("%d %v", again.status, again.header)
			}
			if records := f.bus.Read(1, f.topic()); len(records) != 1 {
				t.Errorf("%d records", len(records))
			}
		})
	}
}

// Whatever point of relay and inbox the processes die at: every order takes effect once, in order.
func TestKilledAtEveryLabelEffectsAreOnce(t *testing.T) {
	at := map[string][]string{
		"orders":  {"relay.after_select", "relay.after_send", "relay.after_ack", "relay.after_delete", "relay.after_commit"},
		"watcher": {"inbox.after_poll", "inbox.after_insert", "inbox.after_effect", "inbox.after_commit", "inbox.after_offset"},
	}
	for kind, labels := range at {
		for _, label := range labels {
			t.Run(label, func(t *testing.T) {
				t.Parallel() // most of it is waiting for leases to end
				f := newFleet(t)
				crash := "FLEET_CRASH_AT=" + label
				var orders, watcher *running
				if kind == "orders" {
					orders, watcher = f.ready("orders", crash), f.ready("watcher")
				} else {
					orders, watcher = f.ready("orders"), f.ready("watcher", crash)
				}
				customer, killed := uuid.NewString(), orders
				if kind == "watcher" {
					killed = watcher
				}
				placed := 0
				for placed < 5 {
					got := orders.place(customer, 1, fmt.Sprint("key-", placed))
					if got.status == http.StatusCreated {
						placed++
						continue
					}
					if code := orders.end(); code != -1 {
						t.Fatalf("exit code %d", code)
					}
					orders = f.ready("orders")
				}
				if killed == orders || kind == "watcher" {
					if code := killed.end(); code != -1 {
						t.Fatalf("exit code %d", code)
					}
					if kind == "orders" {
						orders = f.ready("orders")
					} else {
						watcher = f.ready("watcher")
					}
				}
				lab.Until(t, "the effects", func() bool { return watcher.count("SELECT count(*) FROM seen") >= 5 })
				lab.Until(t, "the outbox to drain", func() bool { return orders.count("SELECT count(*) FROM outbox") == 0 })
				if effects := watcher.count("SELECT count(*) FROM seen"); effects != 5 {
					t.Errorf("%d effects", effects)
				}
				for key, sequences := range lab.FirstSequences(f.bus.Read(5, f.topic())) {
					if !lab.IsDense(sequences) {
						t.Errorf("%s: %v", key, sequences)
					}
				}
			})
		}
	}
}

func TestSettingsThatAreWrongAreSaidAtOnce(t *testing.T) {
	f := newFleet(t)
	r := f.begin("orders", "HTTP_PORT=none", "DATABASE_URL=mysql://secret@x")
	if code := r.end(); code != 2 {
		t.Errorf("exit code %d", code)
	}
	text := r.log.String()
	if !strings.Contains(text, "HTTP_PORT") || !strings.Contains(text, "DATABASE_URL") || strings.Contains(text, "secret") {
		t.Error(text)
	}
}

func TestIncompatibleSchemaRefusesToStart(t *testing.T) {
	f := newFleet(t)
	f.around.Refuse = true
	if code := f.begin("orders").end(); code != 1 {
		t.Errorf("exit code %d", code)
	}
}

func TestOperatorsSeeAndNeedTheirScope(t *testing.T) {
	f := newFleet(t)
	orders := f.ready("orders")
	orders.place(uuid.NewString(), 1, "one")
	look := orders.token("admin.read")
	for _, view := range []string{"status", "outbox", "inbox", "parked", "leases", "actions", "projections", "sagas", "dlq"} {
		if got := orders.call(http.MethodGet, orders.admin+"/admin/"+view, look, nil); got.status != http.StatusOK {
			t.Errorf("%s: %d %v", view, got.status, got.body)
		}
	}
	if got := orders.call(http.MethodGet, orders.admin+"/admin/status", orders.token("order.read"), nil); got.status != 403 {
		t.Errorf("without scope: %d", got.status)
	}
	act := orders.call(http.MethodPost, orders.admin+"/admin/outbox/"+uuid.NewString()+":redrive", look, map[string]string{"reason": "r"}, "if-match", `"1"`)
	if act.status != 403 {
		t.Errorf("who may only look acts: %d", act.status)
	}
}
