package aggregates

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"chassis/values"
)

// column is a field of an aggregate: how it is put into a statement and taken from a row.
type column struct {
	name  string // in the table
	wire  string
	index []int
	// SQL around a parameter and around the column, for types that the driver does not know.
	parameter func(place string) string
	selected  func(quoted string) string
	store     func(value reflect.Value) (any, error)
	target    func() any // what a row is scanned into
	load      func(target any, into reflect.Value) error
	parse     func(text string) (any, error) // a parameter from a text, such as the key in a page's after
}

func plain(text string) string { return text }

// columnsOf reads the tags `db` (column) and `json` (wire name) of a struct.
func columnsOf(of reflect.Type) []column {
	var columns []column
	for _, field := range reflect.VisibleFields(of) {
		name := field.Tag.Get("db")
		if name == "" || name == "-" {
			continue
		}
		wire, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		made := columnOf(field.Type)
		made.name, made.wire, made.index = name, wire, field.Index
		columns = append(columns, made)
	}
	return columns
}

var (
	isUUID     = reflect.TypeFor[uuid.UUID]()
	isTime     = reflect.TypeFor[time.Time]()
	isDuration = reflect.TypeFor[values.Duration]()
	isDecimal  = reflect.TypeFor[values.Decimal]()
	isDate     = reflect.TypeFor[values.Date]()
	isJSON     = reflect.TypeFor[values.JSON]()
)

func columnOf(kind reflect.Type) column {
	bare := kind
	if kind.Kind() == reflect.Pointer {
		bare = kind.Elem()
	}
	switch {
	case bare == isDuration:
		return duration(kind)
	case bare == isDecimal:
		return textual(kind, "numeric")
	case bare == isDate:
		return textual(kind, "date")
	case bare == isUUID, bare == isTime, bare.Kind() == reflect.Bool, bare.Kind() == reflect.Int64, bare.Kind() == reflect.String:
		return native(kind, bare)
	case bare == isJSON:
		return asJSON(kind, "text")
	}
	return asJSON(kind, "jsonb")
}

// native is a type that the driver knows.
func native(kind, bare reflect.Type) column {
	made := column{
		parameter: plain, selected: plain,
		store:  func(value reflect.Value) (any, error) { return value.Interface(), nil },
		target: func() any { return reflect.New(kind).Interface() },
		load: func(target any, into reflect.Value) error {
			into.Set(reflect.ValueOf(target).Elem())
			inUTC(into)
			return nil
		},
	}
	made.parse = func(text string) (any, error) {
		switch {
		case bare == isUUID:
			return uuid.Parse(text)
		case bare == isTime:
			return time.Parse(time.RFC3339Nano, text)
		case bare.Kind() == reflect.Bool:
			return strconv.ParseBool(text)
		case bare.Kind() == reflect.Int64:
			return strconv.ParseInt(text, 10, 64)
		}
		return text, nil
	}
	return made
}

func inUTC(into reflect.Value) {
	switch moment := into.Interface().(type) {
	case time.Time:
		into.Set(reflect.ValueOf(moment.UTC()))
	case *time.Time:
		if moment != nil {
			*moment = moment.UTC()
		}
	}
}

// textual is a type that goes through its text.
func textual(kind reflect.Type, sql string) column {
	return column{
		parameter: func(place string) string { return place + "::text::" + sql },
		selected:  func(quoted string) string { return quoted + "::text" },
		store: func(value reflect.Value) (any, error) {
			if isNil(value) {
				return nil, nil
			}
			text, err := value.Interface().(encoding.TextMarshaler).MarshalText()
			return string(text), err
		},
		target: func() any { return new(*string) },
		load: func(target any, into reflect.Value) error {
			text := *target.(**string)
			if text == nil {
				return nil
			}
			return allocated(kind, into).(encoding.TextUnmarshaler).UnmarshalText([]byte(*text))
		},
		parse: func(text string) (any, error) { return text, nil },
	}
}

func duration(kind reflect.Type) column {
	made := textual(kind, "")
	made.parameter = func(place string) string { return "(" + place + "::bigint * interval '1 millisecond')" }
	made.selected = func(quoted string) string { return "(extract(epoch FROM " + quoted + ") * 1000)::bigint" }
	made.store = func(value reflect.Value) (any, error) {
		if isNil(value) {
			return nil, nil
		}
		return reflect.Indirect(value).Int(), nil
	}
	made.target = func() any { return new(*int64) }
	made.load = func(target any, into reflect.Value) error {
		if millis := *target.(**int64); millis != nil {
			*allocated(kind, into).(*values.Duration) = values.Duration(*millis)
		}
		return nil
	}
	made.parse = func(text string) (any, error) {
		span, err := values.ParseDuration(text)
		return int64(span), err
	}
	return made
}

// asJSON is money, a value object or a list in its wire form, or JSON kept as its text.
func asJSON(kind reflect.Type, sql string) column {
	made := textual(kind, sql)
	made.store = func(value reflect.Value) (any, error) {
		switch {
		case value.Kind() == reflect.Pointer && value.IsNil():
			return nil, nil
		case value.Kind() == reflect.Slice && value.IsNil():
			return "[]", nil
		}
		text, err := json.Marshal(value.Interface())
		return string(text), err
	}
	made.load = func(target any, into reflect.Value) error {
		text := *target.(**string)
		if text == nil {
			return nil
		}
		if err := json.Unmarshal([]byte(*text), into.Addr().Interface()); err != nil {
			return fmt.Errorf("a column does not hold what its type says: %w", err)
		}
		return nil
	}
	return made
}

func isNil(value reflect.Value) bool { return value.Kind() == reflect.Pointer && value.IsNil() }

// allocated is a pointer to what is to be filled.
func allocated(kind reflect.Type, into reflect.Value) any {
	if kind.Kind() == reflect.Pointer {
		into.Set(reflect.New(kind.Elem()))
		return into.Interface()
	}
	return into.Addr().Interface()
}
