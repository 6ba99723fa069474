package machine

import (
	"fmt"
	"reflect"
	"strings"

	"chassis/definition"
)

// Rejection is the key in a saga's data under which the name of the event that refused is kept. No message can be called so.
const Rejection = "$rejection"

// Unbound is an input whose source is not (or not yet) in the data of the saga.
type Unbound struct {
	Wanted string
	Source definition.Source
}

func (e Unbound) Error() string {
	path := strings.Join(append([]string{e.Source.Message}, e.Source.Path...), ".")
	if path == "" {
		path = e.Source.Kind
	}
	return fmt.Sprintf("%s: %s is not known", e.Wanted, path)
}

// Current says where in a fan-out an input is needed: the item, and its index (from 0) among total.
type Current struct {
	item  any
	index int
	total int
}

// alone is no fan-out.
var alone = Current{index: -1}

// Evaluate gives all inputs of a command from the data of its saga, which maps the name of a message to its payload; where
// a step fans out, the value under its event is a list of payloads in the order of the items. The first input whose source
// is missing is an error.
func Evaluate(bindings []definition.Binding, data map[string]any, current Current) (map[string]any, error) {
	inputs := map[string]any{}
	for _, binding := range bindings {
		if binding.Source.Kind == "absent" {
			continue
		}
		value, err := read(binding.Source, data, current, binding.Input)
		if err != nil {
			return nil, err
		}
		inputs[binding.Input] = value
	}
	return inputs, nil
}

// EvaluateKnown gives the inputs that can be known, and whether these are all.
func EvaluateKnown(bindings []definition.Binding, data map[string]any, current Current) (map[string]any, bool) {
	known, complete := map[string]any{}, true
	for _, binding := range bindings {
		if binding.Source.Kind == "absent" {
			continue
		}
		value, err := read(binding.Source, data, current, binding.Input)
		if err != nil {
			complete = false
			continue
		}
		known[binding.Input] = value
	}
	return known, complete
}

// Alone evaluates outside of a fan-out.
func Alone() Current { return alone }

// Within evaluates for one item (from 0) of a fan-out.
func Within(item any, index, total int) Current { return Current{item, index, total} }

// Items are those a step or policy fans out over.
func Items(source definition.Source, data map[string]any) ([]any, error) {
	value, err := read(source, data, alone, "for-each")
	if err != nil {
		return nil, err
	}
	items, isList := value.([]any)
	if !isList {
		return nil, Unbound{"for-each", source}
	}
	return items, nil
}

func read(source definition.Source, data map[string]any, current Current, wanted string) (any, error) {
	switch source.Kind {
	case "literal":
		return source.Value, nil
	case "absent":
		return nil, nil
	case "rejection":
		if rejection, known := data[Rejection]; known {
			return rejection, nil
		}
		return "", nil
	case "item":
		if current.index < 0 {
			return nil, Unbound{wanted, source}
		}
		return walk(current.item, source, wanted)
	}
	return ofMessage(source, data, current, wanted)
}

func ofMessage(source definition.Source, data map[string]any, current Current, wanted string) (any, error) {
	payload, known := data[source.Message]
	if !known {
		return nil, Unbound{wanted, source}
	}
	parts, isList := payload.([]any)
	switch {
	case !isList:
		return walk(payload, source, wanted)
	case current.index >= 0 && current.index < len(parts) && len(parts) == current.total:
		return walk(parts[current.index], source, wanted) // the same item of an earlier fan-out
	case current.index < 0 && len(source.Path) == 0:
		return payload, nil // all parts: what a later fan-out runs over
	}
	return agreed(parts, source, wanted)
}

// agreed is the one value that all parts have.
func agreed(parts []any, source definition.Source, wanted string) (any, error) {
	if len(parts) == 0 {
		return nil, Unbound{wanted, source}
	}
	first, err := walk(parts[0], source, wanted)
	if err != nil {
		return nil, err
	}
	for _, part := range parts[1:] {
		value, err := walk(part, source, wanted)
		if err != nil {
			return nil, err
		}
		if !reflect.DeepEqual(value, first) {
			return nil, Unbound{wanted, source}
		}
	}
	return first, nil
}

func walk(value any, source definition.Source, wanted string) (any, error) {
	for _, name := range source.Path {
		fields, isObject := value.(map[string]any)
		if !isObject {
			return nil, Unbound{wanted, source}
		}
		field, known := fields[name]
		if !known {
			return nil, Unbound{wanted, source}
		}
		value = field
	}
	return value, nil
}
