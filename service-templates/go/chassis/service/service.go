// Package service describes a service to the chassis: its facts and the code that handles its messages.
//
// Generated wiring builds a Service; the main function of a service is one line: process.Run(wire(compose())).
package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"chassis/database"
	"chassis/definition"
	"chassis/message"
	"chassis/paging"
	"chassis/wire"
)

// Command handles a command given as canonical wire JSON: it decides, stores, and returns the events, the first of which
// is the outcome. HandleCommand makes one.
type Command func(ctx context.Context, data map[string]any, work *database.Work) ([]message.Message, error)

// Query answers a query given as canonical wire JSON, with what JSON makes the answer of. HandleQuery and HandleSearch
// make one.
type Query func(ctx context.Context, data map[string]any, page paging.Request, work *database.Work) (any, error)

// Finder gives the keys, in key order, of the aggregates whose field (wire name) equals the value.
type Finder func(ctx context.Context, work *database.Work, field string, value any) ([]any, error)

// Observer is a reaction of the service's own to an event it subscribes to, once per event. Observe makes one.
type Observer func(ctx context.Context, data map[string]any, work *database.Work) error

// Translator turns what another context published into this context's own terms, both as wire JSON. Translate makes one.
type Translator func(data map[string]any) (map[string]any, error)

// Service is all that the chassis needs to serve one service.
type Service struct {
	Definition *definition.Definition
	Commands   map[string]Command // by name
	Queries    map[string]Query   // by name
	Finders    map[string]Finder  // by name of aggregate, for policies that find their targets by a field
	Observers  map[string]Observer
	// Translators are by name of event, for those that policies or copies use and that the context map keeps apart.
	Translators map[string]Translator
	Tables      string // gen/tables.sql, the tables of the aggregates
	Generated   fs.FS  // gen/migrations; may be nil
	Migrations  fs.FS  // the service's own numbered .sql files; may be nil

	shapes map[string]*wire.Shape
}

// Check refuses a wiring with holes: better at start than at the first request.
func (s *Service) Check() error {
	facts := s.Definition
	var faults []error
	hole := func(what, name string, filled bool) {
		if !filled {
			faults = append(faults, fmt.Errorf("service %s: no %s for %s", facts.Name.Text, what, name))
		}
	}
	s.shapes = map[string]*wire.Shape{}
	for _, each := range facts.Commands {
		hole("handler", each.Name.Text, s.Commands[each.Name.Text] != nil)
		s.shapes[each.Name.Text] = wire.Compile(each.Fields, facts.Values)
	}
	for _, each := range facts.Queries {
		hole("handler", each.Name.Text, s.Queries[each.Name.Text] != nil)
		s.shapes[each.Name.Text] = wire.Compile(each.Takes, facts.Values)
	}
	for _, events := range [][]definition.Event{facts.ForeignEvents, facts.Events} {
		for _, each := range events {
			s.shapes[each.Name.Text] = wire.Compile(each.Fields, facts.Values)
		}
	}
	for _, each := range facts.Observes {
		hole("observer", each.Text, s.Observers[each.Text] != nil)
	}
	for _, each := range facts.Translations {
		hole("translator", each.Event.Text, !each.Used || s.Translators[each.Event.Text] != nil)
	}
	for _, policy := range facts.Policies {
		if command := facts.Command(policy.Command.Text); policy.FoundBy != "" && command != nil {
			hole("finder", command.Aggregate.Text, s.Finders[command.Aggregate.Text] != nil)
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// Shape of a command, a query's input or an event.
func (s *Service) Shape(name string) (*wire.Shape, error) {
	if shape, ok := s.shapes[name]; ok {
		return shape, nil
	}
	return nil, fmt.Errorf("%s knows no %s", s.Definition.Name.Text, name)
}

// HandleCommand is the handler of a command of that type.
func HandleCommand[C any](handle func(ctx context.Context, command C, work *database.Work) (message.Message, error)) Command {
	return func(ctx context.Context, data map[string]any, work *database.Work) ([]message.Message, error) {
		var command C
		if err := wire.Into(data, &command); err != nil {
			return nil, err
		}
		event, err := handle(ctx, command, work)
		if err != nil {
			return nil, err
		}
		return []message.Message{event}, nil
	}
}

// HandleQuery is the handler of a query by key.
func HandleQuery[Q, V any](handle func(ctx context.Context, query Q, work *database.Work) (V, error)) Query {
	return func(ctx context.Context, data map[string]any, _ paging.Request, work *database.Work) (any, error) {
		var query Q
		if err := wire.Into(data, &query); err != nil {
			return nil, err
		}
		return handle(ctx, query, work)
	}
}

// HandleSearch is the handler of a search.
func HandleSearch[Q, V any](
	handle func(ctx context.Context, query Q, page paging.Request, work *database.Work) (paging.Page[V], error),
) Query {
	return func(ctx context.Context, data map[string]any, page paging.Request, work *database.Work) (any, error) {
		var query Q
		if err := wire.Into(data, &query); err != nil {
			return nil, err
		}
		found, err := handle(ctx, query, page, work)
		if found.Items == nil {
			found.Items = []V{}
		}
		return found, err
	}
}

// Observe is an observer of an event of that type.
func Observe[E any](observe func(ctx context.Context, event E, work *database.Work) error) Observer {
	return func(ctx context.Context, data map[string]any, work *database.Work) error {
		var event E
		if err := wire.Into(data, &event); err != nil {
			return err
		}
		return observe(ctx, event, work)
	}
}

// Translate is a translator between the types of both contexts.
func Translate[From, To any](translate func(From) To) Translator {
	return func(data map[string]any) (map[string]any, error) {
		var from From
		if err := wire.Into(data, &from); err != nil {
			return nil, err
		}
		return wire.Plain(translate(from))
	}
}
