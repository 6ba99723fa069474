// Package tiny is a service as small as can be, written as the generator would: facts, messages, handlers, wiring. And a
// second one, which watches its events.
package tiny

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"

	"chassis/aggregates"
	"chassis/database"
	"chassis/definition"
	"chassis/domain"
	"chassis/message"
	"chassis/paging"
	"chassis/service"
	"chassis/values"
)

//go:embed facts.json
var facts []byte

const (
	tables = `
CREATE TABLE IF NOT EXISTS "order" (
  order_id uuid PRIMARY KEY, customer_id uuid NOT NULL, quantity bigint NOT NULL, price jsonb NOT NULL,
  email text NOT NULL, state text NOT NULL, _version bigint NOT NULL);
CREATE INDEX IF NOT EXISTS order_customer_id ON "order" (customer_id);`
	seen = "CREATE TABLE IF NOT EXISTS seen (n bigserial, order_id uuid NOT NULL, customer_id uuid NOT NULL);"

	declinedFrom, brokenFrom = 100, 1000
)

// PlaceOrder is a command.
type PlaceOrder struct {
	CustomerID uuid.UUID    `json:"customerId"`
	Quantity   int64        `json:"quantity"`
	Price      values.Money `json:"price"`
	Email      string       `json:"email"`
}

// ConfirmOrder is a command.
type ConfirmOrder struct {
	OrderID uuid.UUID `json:"orderId"`
}

// OrderPlaced is an event.
type OrderPlaced struct {
	OrderID uuid.UUID `json:"orderId"`
	PlaceOrder
}

// OrderDeclined is an event.
type OrderDeclined struct {
	OrderID    uuid.UUID `json:"orderId"`
	CustomerID uuid.UUID `json:"customerId"`
}

// OrderConfirmed is an event.
type OrderConfirmed OrderDeclined

// OrdersCounted is an event.
type OrdersCounted OrderDeclined

// MessageName implements message.Message.
func (OrderPlaced) MessageName() string { return "OrderPlaced" }

// MessageName implements message.Message.
func (OrderDeclined) MessageName() string { return "OrderDeclined" }

// MessageName implements message.Message.
func (OrderConfirmed) MessageName() string { return "OrderConfirmed" }

// MessageName implements message.Message.
func (OrdersCounted) MessageName() string { return "OrdersCounted" }

// GetOrder is a query.
type GetOrder struct {
	OrderID uuid.UUID `json:"orderId"`
}

// SearchOrders is a query.
type SearchOrders struct {
	CustomerID *uuid.UUID `json:"customerId"`
	Quantity   *int64     `json:"quantity"`
}

// Order is an aggregate.
type Order struct {
	OrderID    uuid.UUID    `db:"order_id" json:"orderId"`
	CustomerID uuid.UUID    `db:"customer_id" json:"customerId"`
	Quantity   int64        `db:"quantity" json:"quantity"`
	Price      values.Money `db:"price" json:"price"`
	Email      string       `db:"email" json:"-"`
	State      string       `db:"state" json:"state"`
}

var orders = aggregates.NewTable[Order]("order", "order_id")

func place(ctx context.Context, command PlaceOrder, work *database.Work) (message.Message, error) {
	order := Order{work.NewID(), command.CustomerID, command.Quantity, command.Price, command.Email, "placed"}
	switch {
	case command.Quantity < 1:
		return nil, &domain.InvariantViolated{Text: "quantity > 0"}
	case command.Quantity >= brokenFrom:
		return nil, errors.New("a bug, with " + command.Email + " in its text")
	case command.Quantity >= declinedFrom:
		order.State = "declined"
		return OrderDeclined{order.OrderID, order.CustomerID}, orders.Add(ctx, work, order)
	}
	return OrderPlaced{order.OrderID, command}, orders.Add(ctx, work, order)
}

func confirm(ctx context.Context, command ConfirmOrder, work *database.Work) (message.Message, error) {
	order, err := orders.Get(ctx, work, command.OrderID)
	if err != nil {
		return nil, err
	}
	if order.State != "placed" {
		return nil, &domain.IllegalState{Command: "ConfirmOrder", State: order.State, Allowed: []string{"placed"}}
	}
	order.State = "confirmed"
	return OrderConfirmed{order.OrderID, order.CustomerID}, orders.Save(ctx, work, order)
}

func count(_ context.Context, _ struct{}, work *database.Work) (message.Message, error) {
	return OrdersCounted{work.NewID(), work.NewID()}, nil
}

func get(ctx context.Context, query GetOrder, work *database.Work) (Order, error) {
	return orders.Read(ctx, work, query.OrderID)
}

func search(ctx context.Context, query SearchOrders, page paging.Request, work *database.Work) (paging.Page[Order], error) {
	return orders.Page(ctx, work, map[string]any{"customerId": query.CustomerID, "quantity": query.Quantity}, page)
}

// Orders is the service of a fleet of that name: commands over HTTP, events on the bus.
func Orders(fleet string) (*service.Service, error) {
	known, err := definition.Read(named(fleet))
	return &service.Service{
		Definition: known,
		Commands: map[string]service.Command{
			"PlaceOrder": service.HandleCommand(place), "ConfirmOrder": service.HandleCommand(confirm),
			"CountOrders": service.HandleCommand(count),
		},
		Queries: map[string]service.Query{"GetOrder": service.HandleQuery(get), "SearchOrders": service.HandleSearch(search)},
		Finders: map[string]service.Finder{"Order": orders.Find},
		Tables:  tables,
	}, err
}

func named(fleet string) []byte { return []byte(strings.ReplaceAll(string(facts), "tiny", fleet)) }

// Watcher sees the orders that were placed, once each, and writes them down.
func Watcher(fleet string) (*service.Service, error) {
	var edited map[string]any
	if err := json.Unmarshal(named(fleet), &edited); err != nil {
		return nil, err
	}
	edited["name"] = map[string]string{"text": "watcher", "kebab": "watcher", "snake": "watcher", "pascal": "Watcher"}
	edited["source"] = "/fleet/" + fleet + "/watcher"
	edited["foreign_events"] = edited["events"]
	for _, without := range []string{"events", "commands", "queries", "aggregates", "topics"} {
		edited[without] = []any{}
	}
	edited["observes"] = []any{map[string]string{"text": "OrderPlaced"}}
	edited["subscriptions"] = []any{map[string]any{"topic": fleet + ".order.order.events", "events": []string{"OrderPlaced"}}}
	text, err := json.Marshal(edited)
	if err != nil {
		return nil, err
	}
	known, err := definition.Read(text)
	return &service.Service{
		Definition: known,
		Observers:  map[string]service.Observer{"OrderPlaced": service.Observe(note)},
		Tables:     seen,
	}, err
}

func note(ctx context.Context, event OrderPlaced, work *database.Work) error {
	_, err := work.Tx().Exec(ctx, "INSERT INTO seen (order_id, customer_id) VALUES ($1, $2)", event.OrderID, event.CustomerID)
	return err
}
