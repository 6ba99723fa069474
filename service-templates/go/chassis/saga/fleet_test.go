package saga_test

import (
	"context"
	"encoding/json"
	"maps"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/definition"
	"chassis/dispatch"
	"chassis/domain"
	"chassis/execute"
	"chassis/identity"
	"chassis/internal/lab"
	"chassis/message"
	"chassis/saga"
	"chassis/saga/machine"
)

// Three services with a database each. Messages go from outbox to handlers by hand, so that a test decides what is lost,
// doubled and late.

const checkout = `{
 "name": {"text": "checkout"}, "mode": "MODE", "owner": "order", "version": 1, "timeout": 300, "stuck": "manual",
 "fulfilment_topic": "shop.order.fulfilment",
 "steps": [
  {"name": "PlaceOrder", "service": "order", "kind": "compensatable", "command_topic": "order", "command_type": "order.PlaceOrder.v1",
   "succeeds_with": "OrderPlaced", "undo": "CancelOrder", "undo_type": "order.CancelOrder.v1", "undone_with": "OrderCancelled", "within": 60,
   "undo_bindings": [{"input": "orderId", "source": {"kind": "message", "message": "OrderPlaced", "path": ["orderId"]}},
                     {"input": "reason", "source": {"kind": "rejection"}}]},
  {"name": "Authorize", "service": "payment", "kind": "compensatable", "command_topic": "payment", "command_type": "payment.Authorize.v1",
   "succeeds_with": "Authorized", "refuses_with": "Declined", "undo": "Void", "undo_type": "payment.Void.v1", "undone_with": "Voided", "within": 60,
   "bindings": [{"input": "orderId", "source": {"kind": "message", "message": "OrderPlaced", "path": ["orderId"]}}],
   "undo_bindings": [{"input": "orderId", "source": {"kind": "message", "message": "Authorize", "path": ["orderId"]}}]},
  {"name": "Ship", "service": "shipping", "kind": "pivot", "command_topic": "shipping", "command_type": "shipping.Ship.v1",
   "succeeds_with": "Shipped", "refuses_with": "Refused", "within": 60,
   "bindings": [{"input": "orderId", "source": {"kind": "message", "message": "OrderPlaced", "path": ["orderId"]}}]},
  {"name": "Confirm", "service": "order", "kind": "retriable", "command_topic": "order", "command_type": "order.Confirm.v1",
   "succeeds_with": "Confirmed", "within": 60,
   "bindings": [{"input": "orderId", "source": {"kind": "message", "message": "OrderPlaced", "path": ["orderId"]}}]}]}`

var (
	services = []string{"order", "payment", "shipping"}
	// owned are the commands with their service and event; the event "" is never refused.
	owned = map[string][3]string{
		"PlaceOrder": {"order", "OrderPlaced", ""}, "CancelOrder": {"order", "OrderCancelled", ""},
		"Confirm": {"order", "Confirmed", ""}, "Authorize": {"payment", "Authorized", "Declined"},
		"Void": {"payment", "Voided", ""}, "Ship": {"shipping", "Shipped", "Refused"},
	}
)

func facts(t *testing.T, service string, saga definition.Saga) *definition.Definition {
	t.Helper()
	var events, commands []map[string]any
	for command, of := range owned {
		commands = append(commands, map[string]any{
			"name": map[string]any{"text": command}, "type": of[0] + "." + command + ".v1", "topic": of[0],
			"to": map[string]string{"Void": "voided"}[command],
		})
		for _, event := range of[1:] {
			if event != "" {
				events = append(events, map[string]any{
					"name": map[string]any{"text": event}, "type": of[0] + "." + event + ".v1", "subject": "orderId",
				})
			}
		}
	}
	text, err := json.Marshal(map[string]any{
		"fleet": "shop", "name": map[string]any{"text": service, "kebab": service}, "events": events, "commands": commands,
		"sagas": []any{saga}, "reply_topic": service + ".replies", "command_topic": service,
		"topics": []any{map[string]any{"name": "shop.order.fulfilment"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := definition.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// wire is codec and outbox in one: payloads are JSON.
type wire struct{ facts *definition.Definition }

func (wire) Decode(_ context.Context, record *message.Record) (map[string]any, error) {
	var payload map[string]any
	return payload, json.Unmarshal(record.Payload, &payload)
}

func (w wire) Message(ctx context.Context, draft message.Draft, cause message.Context) (message.Envelope, error) {
	payload, err := json.Marshal(draft.Wire)
	draft.Payload = payload
	if err != nil {
		return message.Envelope{}, err
	}
	return w.Raw(ctx, draft, cause)
}

func (wire) Raw(_ context.Context, draft message.Draft, cause message.Context) (message.Envelope, error) {
	if draft.ID == (uuid.UUID{}) {
		draft.ID = identity.New()
	}
	headers := map[string]string{
		message.ID: draft.ID.String(), message.Type: draft.Type, message.CorrelationID: cause.CorrelationID,
		message.CausationID: cause.CausationID,
	}
	maps.Copy(headers, draft.Headers)
	return message.Envelope{
		Topic: draft.Topic, Key: draft.Key, ID: draft.ID, Type: draft.Type, Headers: headers, Payload: draft.Payload,
	}, nil
}

// member is one service. Fails says how a command of it ends otherwise than well.
type member struct {
	*lab.Store
	name     string
	facts    *definition.Definition
	engine   *saga.Engine
	timers   *saga.Timers
	handlers map[string][]dispatch.Handler
	fails    map[string]error
	refuses  map[string]bool
}

type fleet struct {
	t       *testing.T
	members map[string]*member
	lost    map[string]bool // ce_types that never arrive
	doubled bool            // every record arrives twice
}

func sagaOf(t *testing.T, mode string) definition.Saga {
	t.Helper()
	var found definition.Saga
	if err := json.Unmarshal([]byte(checkout), &found); err != nil {
		t.Fatal(err)
	}
	found.Mode = mode
	return found
}

func newFleet(t *testing.T, mode string) *fleet {
	t.Helper()
	f := &fleet{t: t, members: map[string]*member{}, lost: map[string]bool{}}
	for _, name := range services {
		m := &member{
			Store: lab.NewStore(t), name: name, facts: facts(t, name, sagaOf(t, mode)), fails: map[string]error{},
			refuses: map[string]bool{},
		}
		m.Exec(`CREATE TABLE effect (n bigint GENERATED ALWAYS AS IDENTITY, command text, wire jsonb)`)
		m.begin()
		f.members[name] = m
	}
	return f
}

// begin composes the service anew, as its process does when it starts.
func (m *member) begin() {
	codec := wire{m.facts}
	m.engine = saga.NewEngine(m.facts, codec, codec, m.execute, nil)
	m.timers = m.engine.Timers(m.DB)
	err := m.work(func(ctx context.Context, work *database.Work) error { return m.engine.Check(ctx, work) })
	if err != nil {
		m.T.Fatal(err)
	}
	m.handlers = m.engine.Handlers()
	maps.Copy(m.handlers, m.engine.CommandHandlers())
}

func (m *member) work(do func(ctx context.Context, work *database.Work) error) error {
	ctx := context.Background()
	return m.DB.Work(ctx, message.NewContext(), func(work *database.Work) error { return do(ctx, work) })
}

// execute leaves an effect and publishes an event with the saga of the context, as commands of a service do.
func (m *member) execute(ctx context.Context, name string, given map[string]any, work *database.Work) (execute.Executed, error) {
	if err := m.fails[name]; err != nil {
		return execute.Executed{}, err
	}
	text, err := json.Marshal(given)
	if err != nil {
		return execute.Executed{}, err
	}
	if _, err := work.Tx().Exec(ctx, "INSERT INTO effect (command, wire) VALUES ($1, $2)", name, text); err != nil {
		return execute.Executed{}, err
	}
	executed := execute.Executed{EventName: owned[name][1], EventWire: map[string]any{"orderId": given["orderId"]}}
	if m.refuses[name] {
		executed.EventName, executed.Rejected = owned[name][2], true
	}
	return executed, m.publish(ctx, work, executed)
}

func (m *member) publish(ctx context.Context, work *database.Work, executed execute.Executed) error {
	cause := work.Context()
	envelope, err := wire{m.facts}.Message(ctx, message.Draft{
		Type: m.facts.Event(executed.EventName).Type, Wire: executed.EventWire, Topic: "events", Key: "k",
		Headers: cause.Saga.Headers(),
	}, cause)
	work.Append(envelope)
	return err
}

// place is the first command of a saga, as a request brings it. It gives the saga's id.
func (f *fleet) place(order string) uuid.UUID {
	f.t.Helper()
	m := f.members["order"]
	started := identity.New()
	err := m.work(func(ctx context.Context, work *database.Work) error {
		given := map[string]any{"orderId": order}
		if _, err := work.Tx().Exec(ctx, `INSERT INTO effect (command, wire) VALUES ('PlaceOrder', '{}')`); err != nil {
			return err
		}
		executed := execute.Executed{EventName: "OrderPlaced", EventWire: given}
		kind := m.facts.Sagas[0]
		id, err := m.engine.Start(ctx, work, kind, started, given, executed)
		if err != nil {
			return err
		}
		started = id
		headers := &message.Saga{ID: id, Type: "checkout", Step: "PlaceOrder", Direction: message.Forward, Version: kind.Version}
		return work.Using(work.Context().WithSaga(headers), func() error { return m.publish(ctx, work, executed) })
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return started
}

// run delivers what is in the outboxes and does what is due, until nothing happens any more.
func (f *fleet) run() {
	f.t.Helper()
	for round := 0; ; round++ {
		if round > 200 {
			f.t.Fatal("the fleet does not come to rest")
		}
		moved := 0
		for _, name := range services {
			for _, record := range f.members[name].taken() {
				moved++
				f.deliver(record)
			}
			due, err := f.members[name].timers.RunDue(context.Background())
			if err != nil {
				f.t.Fatal(err)
			}
			moved += due
		}
		if moved == 0 {
			return
		}
	}
}

// taken empties the outbox, as a relay does.
func (m *member) taken() []*message.Record {
	m.T.Helper()
	rows, err := m.DB.Pool().Query(context.Background(), `
WITH gone AS (DELETE FROM outbox RETURNING *) SELECT position, topic, msg_key, headers, payload FROM gone ORDER BY position`)
	if err != nil {
		m.T.Fatal(err)
	}
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*message.Record, error) {
		record := &message.Record{Level: message.Straight}
		return record, row.Scan(&record.Offset, &record.Topic, &record.Key, &record.Headers, &record.Payload)
	})
	if err != nil {
		m.T.Fatal(err)
	}
	return records
}

func (f *fleet) deliver(record *message.Record) {
	f.t.Helper()
	if f.lost[record.Type()] {
		return
	}
	times := 1
	if f.doubled {
		times = 2
	}
	for range times {
		for _, name := range services {
			f.members[name].receive(record)
		}
	}
}

func (m *member) receive(record *message.Record) {
	m.T.Helper()
	switch record.Topic {
	case "events", "shop.order.fulfilment", m.name, m.name + ".replies":
	default:
		return // a topic that this service does not read
	}
	kind := record.Type()
	if _, isReply := record.Headers[message.Outcome]; isReply {
		kind = message.ReplyType
	}
	ctx := context.Background()
	for _, handle := range m.handlers[kind] {
		err := m.DB.Work(ctx, record.Context(), func(work *database.Work) error { return handle(ctx, record, work) })
		if err != nil {
			m.T.Fatalf("%s: %s: %v", m.name, record.Type(), err)
		}
	}
}

// effects are the commands that were carried out in a service, in order.
func (m *member) effects() []string {
	m.T.Helper()
	rows, err := m.DB.Pool().Query(context.Background(), "SELECT command FROM effect ORDER BY n")
	if err != nil {
		m.T.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		m.T.Fatal(err)
	}
	return found
}

func (f *fleet) status(id uuid.UUID) machine.Status {
	f.t.Helper()
	return machine.Status(lab.Value[string](f.members["order"].Store, "SELECT status FROM saga_instance WHERE saga_id = $1", id))
}

// pass lets the time of the saga's next timer come: rows are judged by the clock of the database, which is not ours to set.
func (f *fleet) pass(id uuid.UUID) {
	f.t.Helper()
	m := f.members["order"]
	if m.Count("SELECT count(next_timer_at) FROM saga_instance WHERE saga_id = $1", id) == 0 {
		return // it waits for nothing
	}
	by := "(SELECT next_timer_at - clock_timestamp() + interval '1 ms' FROM saga_instance WHERE saga_id = $1)"
	m.Exec(`UPDATE saga_step SET deadline_at = deadline_at - `+by+`,
	  reply = CASE WHEN reply ? 'due' THEN jsonb_set(reply, '{due}', to_jsonb((reply->>'due')::timestamptz - `+by+`)) ELSE reply END
	  WHERE saga_id = $1`, id)
	m.Exec(`UPDATE saga_instance SET deadline_at = deadline_at - `+by+`, next_timer_at = next_timer_at - `+by+` WHERE saga_id = $1`, id)
}

func voided() error { return &domain.IllegalState{Command: "Void", State: "voided"} }
