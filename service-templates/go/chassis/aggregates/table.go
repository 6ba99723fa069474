// Package aggregates keeps aggregates in tables: one row each, one column a field.
//
// Columns are named by the tag `db`, their wire names by the tag `json`. Types: text, bigint, numeric, boolean, uuid,
// date, timestamptz and interval; money, value objects and lists are jsonb in their wire form; a state is text. One more
// column, _version bigint NOT NULL, counts the changes.
package aggregates

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/domain"
	"chassis/message"
	"chassis/paging"
)

// Table holds the aggregates of one kind, of struct type T. Methods see only what their unit of work sees.
type Table[T any] struct {
	name    string // of the table
	what    string // of the aggregate
	key     *column
	columns []column
	byName  map[string]*column

	insert, selecting, locking, update string
}

// NewTable reads the tags of T; key is the column that identifies an aggregate. It panics when T has no such column.
func NewTable[T any](table, key string) *Table[T] {
	of := reflect.TypeFor[T]()
	made := &Table[T]{name: table, what: of.Name(), columns: columnsOf(of), byName: map[string]*column{}}
	for i := range made.columns {
		each := &made.columns[i]
		made.byName[each.name], made.byName[each.wire] = each, each
	}
	if made.key = made.byName[key]; made.key == nil {
		panic(fmt.Sprintf("%s has no column %s", of.Name(), key))
	}
	made.compile()
	return made
}

func (t *Table[T]) compile() {
	var names, selected, places, changes []string
	for i, each := range t.columns {
		name, place := quoted(each.name), fmt.Sprintf("$%d", i+1)
		names, selected = append(names, name), append(selected, each.selected(name))
		places = append(places, each.parameter(place))
		changes = append(changes, name+" = "+each.parameter(place))
	}
	table, key := quoted(t.name), quoted(t.key.name)
	t.insert = fmt.Sprintf("INSERT INTO %s (%s, _version) VALUES (%s, 1) ON CONFLICT (%s) DO NOTHING",
		table, strings.Join(names, ", "), strings.Join(places, ", "), key)
	t.selecting = fmt.Sprintf("SELECT %s, _version FROM %s", strings.Join(selected, ", "), table)
	t.locking = fmt.Sprintf("%s WHERE %s = %s", t.selecting, key, t.key.parameter("$1"))
	count := len(t.columns)
	t.update = fmt.Sprintf(
		"UPDATE %s SET %s, _version = _version + 1 WHERE %s = %s AND _version = coalesce($%d::bigint, _version)",
		table, strings.Join(changes, ", "), key, t.key.parameter(fmt.Sprintf("$%d", count+1)), count+2)
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// Add stores a new aggregate; a *domain.Conflict says that its key is taken.
func (t *Table[T]) Add(ctx context.Context, work *database.Work, state T) error {
	row, key, err := t.row(state)
	if err != nil {
		return err
	}
	done, err := work.Tx().Exec(ctx, t.insert, row...)
	if err != nil {
		return err
	}
	if done.RowsAffected() == 0 {
		return &domain.Conflict{Text: fmt.Sprintf("there is a %s %v already", t.what, key)}
	}
	work.Saw(t.mark(key), 1)
	return nil
}

// Get gives the aggregate, locked until the transaction ends; a *domain.NotFound says that there is none.
func (t *Table[T]) Get(ctx context.Context, work *database.Work, key any) (T, error) {
	state, version, err := t.one(ctx, work, t.locking+" FOR UPDATE", key)
	if err == nil {
		work.Saw(t.mark(key), version)
	}
	return state, err
}

// Read gives the aggregate as it is, for a query: nothing is locked.
func (t *Table[T]) Read(ctx context.Context, work *database.Work, key any) (T, error) {
	state, _, err := t.one(ctx, work, t.locking, key)
	return state, err
}

// Save stores what became of an aggregate; a *domain.Conflict says that it changed since this unit of work read it.
func (t *Table[T]) Save(ctx context.Context, work *database.Work, state T) error {
	row, key, err := t.row(state)
	if err != nil {
		return err
	}
	stored, err := t.stored(t.key, key)
	if err != nil {
		return err
	}
	seen, known := work.Version(t.mark(key))
	var version *int64
	if known {
		version = &seen
	}
	done, err := work.Tx().Exec(ctx, t.update, append(row, stored, version)...)
	switch {
	case err != nil:
		return err
	case done.RowsAffected() == 0 && !known:
		return &domain.NotFound{What: t.what, Key: fmt.Sprint(key)}
	case done.RowsAffected() == 0:
		return &domain.Conflict{Text: fmt.Sprintf("%s %v has been changed by somebody else", t.what, key)}
	}
	if known {
		work.Saw(t.mark(key), seen+1)
	}
	return nil
}

// Find gives the keys, in order, of those whose field equals the value. The field is a column or its name on the wire.
func (t *Table[T]) Find(ctx context.Context, work *database.Work, field string, value any) ([]any, error) {
	column, ok := t.byName[field]
	if !ok {
		return nil, fmt.Errorf("%s has no field %s", t.what, field)
	}
	stored, err := t.stored(column, value)
	if err != nil {
		return nil, err
	}
	key := quoted(t.key.name)
	rows, err := work.Tx().Query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s = %s ORDER BY %s",
		t.key.selected(key), quoted(t.name), quoted(column.name), column.parameter("$1"), key), stored)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []any
	for rows.Next() {
		var of T
		at := reflect.ValueOf(&of).Elem().FieldByIndex(t.key.index)
		target := t.key.target()
		if err := rows.Scan(target); err != nil {
			return nil, err
		}
		if err := t.key.load(target, at); err != nil {
			return nil, err
		}
		keys = append(keys, at.Interface())
	}
	return keys, rows.Err()
}

// Page gives those that match all filters that are not nil, in key order. Nothing is locked. Filters are by column or by
// name on the wire.
func (t *Table[T]) Page(ctx context.Context, work *database.Work, filters map[string]any, page paging.Request) (paging.Page[T], error) {
	empty := paging.Page[T]{Items: []T{}}
	conditions, parameters := []string{"true"}, []any{}
	for _, name := range slices.Sorted(maps.Keys(filters)) {
		value := filters[name]
		if value == nil || isNil(reflect.ValueOf(value)) {
			continue
		}
		column, ok := t.byName[name]
		if !ok {
			return empty, fmt.Errorf("%s has no field %s", t.what, name)
		}
		stored, err := t.stored(column, value)
		if err != nil {
			return empty, err
		}
		parameters = append(parameters, stored)
		conditions = append(conditions, quoted(column.name)+" = "+column.parameter(fmt.Sprintf("$%d", len(parameters))))
	}
	key := quoted(t.key.name)
	if page.After != "" {
		after, err := t.key.parse(page.After)
		if err != nil {
			return empty, &message.Invalid{Errors: []message.FieldError{{Pointer: "/after", Detail: "is not the end of a page"}}}
		}
		parameters = append(parameters, after)
		conditions = append(conditions, key+" > "+t.key.parameter(fmt.Sprintf("$%d", len(parameters))))
	}
	limit := page.Limit
	if limit <= 0 {
		limit = paging.LimitDefault
	}
	parameters = append(parameters, limit+1)
	query := fmt.Sprintf("%s WHERE %s ORDER BY %s LIMIT $%d", t.selecting, strings.Join(conditions, " AND "), key, len(parameters))
	items, err := t.all(ctx, work, query, parameters)
	if err != nil {
		return empty, err
	}
	if len(items) <= limit {
		return paging.Page[T]{Items: items}, nil
	}
	items = items[:limit]
	next := fmt.Sprint(reflect.ValueOf(items[limit-1]).FieldByIndex(t.key.index).Interface())
	return paging.Page[T]{Items: items, Next: &next}, nil
}

func (t *Table[T]) all(ctx context.Context, work *database.Work, query string, parameters []any) ([]T, error) {
	rows, err := work.Tx().Query(ctx, query, parameters...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items := []T{}
	for rows.Next() {
		state, _, err := t.load(rows)
		if err != nil {
			return nil, err
		}
		items = append(items, state)
	}
	return items, rows.Err()
}

func (t *Table[T]) one(ctx context.Context, work *database.Work, query string, key any) (T, int64, error) {
	var none T
	stored, err := t.stored(t.key, key)
	if err != nil {
		return none, 0, err
	}
	state, version, err := t.load(work.Tx().QueryRow(ctx, query, stored))
	if errors.Is(err, pgx.ErrNoRows) {
		return none, 0, &domain.NotFound{What: t.what, Key: fmt.Sprint(key)}
	}
	return state, version, err
}

func (t *Table[T]) load(row pgx.Row) (state T, version int64, err error) {
	targets := make([]any, len(t.columns), len(t.columns)+1)
	for i, each := range t.columns {
		targets[i] = each.target()
	}
	if err := row.Scan(append(targets, &version)...); err != nil {
		return state, 0, err
	}
	into := reflect.ValueOf(&state).Elem()
	for i, each := range t.columns {
		if err := each.load(targets[i], into.FieldByIndex(each.index)); err != nil {
			return state, 0, fmt.Errorf("%s: %w", each.name, err)
		}
	}
	return state, version, nil
}

func (t *Table[T]) row(state T) (row []any, key any, err error) {
	from := reflect.ValueOf(state)
	row = make([]any, len(t.columns), len(t.columns)+2)
	for i, each := range t.columns {
		if row[i], err = each.store(from.FieldByIndex(each.index)); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", each.name, err)
		}
	}
	return row, from.FieldByIndex(t.key.index).Interface(), nil
}

// stored is the parameter of a value, which is of the field's own type, or a text such as wire JSON has it.
func (t *Table[T]) stored(of *column, value any) (any, error) {
	given := reflect.ValueOf(value)
	field := reflect.TypeFor[T]().FieldByIndex(of.index).Type
	if text, isText := value.(string); isText && field.Kind() != reflect.String {
		parsed, err := of.parse(text)
		if err != nil {
			fault := message.FieldError{Pointer: "/" + of.wire, Detail: "is not of its type"}
			return nil, &message.Invalid{Errors: []message.FieldError{fault}}
		}
		return parsed, nil
	}
	if given.IsValid() && given.Type() == field || given.IsValid() && given.Kind() == reflect.Pointer && given.Type().Elem() == field {
		return of.store(reflect.Indirect(given))
	}
	return value, nil
}

func (t *Table[T]) mark(key any) database.Aggregate {
	return database.Aggregate{Table: t.name, Key: fmt.Sprint(key)}
}
