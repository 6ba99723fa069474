// Package wire reads and writes messages as JSON on the wire, by the types that the facts give their fields.
//
// Money is {"amount": 1200, "currency": "EUR"}, decimals are texts, moments RFC 3339 in UTC, durations ISO 8601. Reading
// checks everything and reports all faults of a message at once; fields it does not know it passes over, so that an older
// reader understands a newer writer.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"

	"chassis/definition"
	"chassis/message"
)

// Shape of a message.
type Shape struct{ object object }

type reader func(value any, at string, faults *[]message.FieldError) any

type field struct {
	name     string
	read     reader
	required bool
}

type object []field

// Compile makes the shape of fields; values are the value objects they may mention.
func Compile(fields []definition.Field, known []definition.Value) *Shape {
	values := map[string][]definition.Field{}
	for _, value := range known {
		values[value.Name.Pascal] = value.Fields
	}
	return &Shape{compile(fields, values)}
}

func compile(fields []definition.Field, values map[string][]definition.Field) object {
	compiled := make(object, len(fields))
	for i, each := range fields {
		compiled[i] = field{each.Name.Text, readerOf(each.Type, values), each.Type.Kind != "optional"}
	}
	return compiled
}

func readerOf(kind definition.Type, values map[string][]definition.Field) reader {
	switch kind.Kind {
	case "optional":
		inner := readerOf(*kind.Of, values)
		return func(value any, at string, faults *[]message.FieldError) any {
			if value == nil {
				return nil
			}
			return inner(value, at, faults)
		}
	case "list":
		return listOf(readerOf(*kind.Of, values))
	case "value":
		return compile(values[kind.Value], values).read
	}
	scalar, ok := scalars[kind.Kind]
	if !ok {
		panic(fmt.Sprintf("facts of another version: nothing is known of the type %q", kind.Kind))
	}
	return func(value any, at string, faults *[]message.FieldError) any {
		read, err := scalar(value)
		if err != nil {
			*faults = append(*faults, message.FieldError{Pointer: at, Detail: err.Error()})
		}
		return read
	}
}

func listOf(item reader) reader {
	return func(value any, at string, faults *[]message.FieldError) any {
		items, ok := value.([]any)
		if !ok {
			*faults = append(*faults, message.FieldError{Pointer: at, Detail: "must be a list"})
			return nil
		}
		read := make([]any, len(items))
		for i, each := range items {
			read[i] = item(each, fmt.Sprintf("%s/%d", at, i), faults)
		}
		return read
	}
}

func (o object) read(value any, at string, faults *[]message.FieldError) any {
	members, ok := value.(map[string]any)
	if !ok {
		*faults = append(*faults, message.FieldError{Pointer: at, Detail: "must be an object"})
		return nil
	}
	read := make(map[string]any, len(o))
	for _, each := range o {
		pointer := at + "/" + each.name
		member, given := members[each.name]
		switch {
		case given:
			read[each.name] = each.read(member, pointer, faults)
		case each.required:
			*faults = append(*faults, message.FieldError{Pointer: pointer, Detail: "is missing"})
		default:
			read[each.name] = nil
		}
	}
	return read
}

// Read gives the canonical form of wire JSON, or a *message.Invalid with all that is wrong with it. Whole numbers come as
// int64, also where they were given as json.Number.
func (s *Shape) Read(data map[string]any) (map[string]any, error) {
	var faults []message.FieldError
	read := s.object.read(data, "", &faults)
	if len(faults) > 0 {
		return nil, &message.Invalid{Errors: faults}
	}
	return read.(map[string]any), nil
}

// Write gives the wire JSON of a message, which must fit its shape, too.
func (s *Shape) Write(from any) (map[string]any, error) {
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	data, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return s.Read(data)
}

// Parse reads a JSON object; whole numbers keep all their digits. What is no JSON object is a *message.Invalid.
func Parse(text []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var data any
	if err := decoder.Decode(&data); err != nil || decoder.More() {
		return nil, &message.Invalid{Errors: []message.FieldError{{Detail: "is not JSON"}}}
	}
	members, ok := data.(map[string]any)
	if !ok {
		return nil, &message.Invalid{Errors: []message.FieldError{{Detail: "must be an object"}}}
	}
	return members, nil
}

// Into fills a message from its canonical wire JSON.
func Into(data map[string]any, target any) error {
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, target)
	}
	if err != nil {
		return fmt.Errorf("%T does not hold what its facts say: %w", target, err)
	}
	return nil
}

// Plain is anything that JSON makes an object of, as wire JSON of no certain shape.
func Plain(from any) (map[string]any, error) {
	text, err := json.Marshal(from)
	if err != nil {
		return nil, err
	}
	data, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return Whole(data), nil
}

// Whole makes int64 of the whole numbers of parsed JSON.
func Whole(data map[string]any) map[string]any { return whole(data).(map[string]any) }

func whole(value any) any {
	switch given := value.(type) {
	case map[string]any:
		for name, member := range given {
			given[name] = whole(member)
		}
	case []any:
		for i, item := range given {
			given[i] = whole(item)
		}
	case json.Number:
		if number, err := given.Int64(); err == nil {
			return number
		}
	}
	return value
}
