package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hamba/avro/v2"

	"chassis/definition"
	"chassis/values"
	"chassis/wire"
)

const mostItems = 1 << 20 // of a list: more do not fit into a record

// avroShape writes a message in its schema and reads what others wrote in theirs.
type avroShape struct {
	schema avro.Schema
	fields []definition.Field
	values map[string][]definition.Field
}

func newAvroShape(of definition.Message, known map[string][]definition.Field) (*avroShape, error) {
	schema, err := parseAvro(string(of.Avro))
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", of.Type, err)
	}
	return &avroShape{schema, of.Fields, known}, nil
}

// parseAvro reads a schema; each has a cache of its own, since the same name means different schemas in different
// versions.
func parseAvro(text string) (avro.Schema, error) {
	return avro.ParseWithCache(text, "", &avro.SchemaCache{})
}

func (s *avroShape) write(data map[string]any) ([]byte, error) {
	out := avro.NewWriter(nil, 512)
	record, ok := s.schema.(*avro.RecordSchema)
	if !ok {
		return nil, errors.New("a message must be a record")
	}
	if err := s.writeRecord(out, record, s.fields, data); err != nil {
		return nil, err
	}
	return out.Buffer(), out.Error
}

func (s *avroShape) writeRecord(out *avro.Writer, schema *avro.RecordSchema, fields []definition.Field, data map[string]any) error {
	types := make(map[string]definition.Type, len(fields))
	for _, each := range fields {
		types[each.Name.Text] = each.Type
	}
	for _, each := range schema.Fields() {
		if err := s.writeValue(out, each.Type(), types[each.Name()], data[each.Name()]); err != nil {
			return fmt.Errorf("%s: %w", each.Name(), err)
		}
	}
	return nil
}

func (s *avroShape) writeValue(out *avro.Writer, schema avro.Schema, kind definition.Type, value any) error {
	if reference, ok := schema.(*avro.RefSchema); ok {
		schema = reference.Schema()
	}
	switch at := schema.(type) {
	case *avro.UnionSchema:
		return s.writeUnion(out, at, kind, value)
	case *avro.ArraySchema:
		items, ok := value.([]any)
		if !ok {
			return errors.New("is no list")
		}
		if len(items) > 0 {
			out.WriteLong(int64(len(items)))
		}
		for _, item := range items {
			if err := s.writeValue(out, at.Items(), *kind.Of, item); err != nil {
				return err
			}
		}
		out.WriteLong(0)
		return nil
	case *avro.RecordSchema:
		members, ok := value.(map[string]any)
		if !ok {
			return errors.New("is no object")
		}
		return s.writeRecord(out, at, s.fieldsOf(kind), members)
	}
	return writeScalar(out, schema, kind.Kind, value)
}

func (s *avroShape) writeUnion(out *avro.Writer, schema *avro.UnionSchema, kind definition.Type, value any) error {
	if kind.Kind == "optional" && kind.Of != nil {
		kind = *kind.Of
	}
	for at, branch := range schema.Types() {
		if (branch.Type() == avro.Null) == (value == nil) {
			out.WriteLong(int64(at))
			if value == nil {
				return nil
			}
			return s.writeValue(out, branch, kind, value)
		}
	}
	return errors.New("must not be absent")
}

var money = []definition.Field{
	{Name: definition.Name{Text: "amount"}, Type: definition.Type{Kind: "int"}},
	{Name: definition.Name{Text: "currency"}, Type: definition.Type{Kind: "string"}},
}

func (s *avroShape) fieldsOf(kind definition.Type) []definition.Field {
	if kind.Kind == "money" {
		return money
	}
	return s.values[kind.Value]
}

func writeScalar(out *avro.Writer, schema avro.Schema, kind string, value any) error {
	number, text, err := scalarOf(kind, value)
	if err != nil {
		return err
	}
	switch schema.Type() {
	case avro.Long:
		out.WriteLong(number)
	case avro.Int:
		out.WriteInt(int32(number))
	case avro.String:
		out.WriteString(text)
	case avro.Boolean:
		truth, ok := value.(bool)
		if !ok {
			return errors.New("is neither true nor false")
		}
		out.WriteBool(truth)
	default:
		return fmt.Errorf("cannot write %s", schema.Type())
	}
	return nil
}

// scalarOf is a wire value as the number or text that Avro holds.
func scalarOf(kind string, value any) (number int64, text string, err error) {
	switch given := value.(type) {
	case int64:
		return given, "", nil
	case bool:
		return 0, "", nil
	case string:
		text = given
	}
	switch kind {
	case "date":
		day, err := values.ParseDate(text)
		return day.Time().Unix() / 86_400, "", err
	case "datetime":
		moment, err := time.Parse(time.RFC3339Nano, text)
		return moment.UnixMicro(), "", err
	case "duration":
		span, err := values.ParseDuration(text)
		return int64(span), "", err
	case "json":
		if _, isText := value.(string); !isText {
			made, err := json.Marshal(value)
			return 0, string(made), err
		}
	}
	if _, isText := value.(string); !isText && kind != "json" {
		return 0, "", fmt.Errorf("a value of type %T is no %s", value, kind)
	}
	return 0, text, nil
}

// read gives the wire JSON of a datum that was written with another schema: fields are found by name or alias.
func (s *avroShape) read(payload []byte, written avro.Schema) (map[string]any, error) {
	in := avro.NewReader(nil, 0).Reset(payload)
	datum, err := decode(in, written)
	if err == nil {
		err = in.Error
	}
	if err != nil {
		return nil, err
	}
	members, ok := datum.(map[string]any)
	record, isRecord := s.schema.(*avro.RecordSchema)
	if !ok || !isRecord {
		return nil, errors.New("the message is no record")
	}
	return s.fromRecord(record, s.fields, members)
}

func (s *avroShape) fromRecord(schema *avro.RecordSchema, fields []definition.Field, datum map[string]any) (map[string]any, error) {
	known := make(map[string]*avro.Field, len(fields))
	for _, each := range schema.Fields() {
		known[each.Name()] = each
	}
	read := make(map[string]any, len(fields))
	for _, each := range fields {
		name := each.Name.Text
		at, ok := known[name]
		if !ok {
			read[name] = nil
			continue
		}
		value, given := datum[name]
		for _, alias := range at.Aliases() {
			if !given {
				value, given = datum[alias]
			}
		}
		if !given && at.HasDefault() {
			value, given = at.Default(), true
		}
		if !given {
			return nil, fmt.Errorf("%s is missing", name)
		}
		converted, err := s.fromValue(at.Type(), each.Type, value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		read[name] = converted
	}
	return read, nil
}

func (s *avroShape) fromValue(schema avro.Schema, kind definition.Type, value any) (any, error) {
	if reference, ok := schema.(*avro.RefSchema); ok {
		schema = reference.Schema()
	}
	if kind.Kind == "optional" && kind.Of != nil {
		if value == nil {
			return nil, nil
		}
		kind = *kind.Of
		if union, ok := schema.(*avro.UnionSchema); ok {
			for _, branch := range union.Types() {
				if branch.Type() != avro.Null {
					return s.fromValue(branch, kind, value)
				}
			}
		}
	}
	switch given := value.(type) {
	case []any:
		array, ok := schema.(*avro.ArraySchema)
		if !ok || kind.Of == nil {
			return nil, errors.New("is a list")
		}
		items := make([]any, len(given))
		for i, item := range given {
			var err error
			if items[i], err = s.fromValue(array.Items(), *kind.Of, item); err != nil {
				return nil, err
			}
		}
		return items, nil
	case map[string]any:
		record, ok := schema.(*avro.RecordSchema)
		if !ok {
			return nil, errors.New("is an object")
		}
		return s.fromRecord(record, s.fieldsOf(kind), given)
	case int64:
		return fromNumber(kind.Kind, given)
	case nil:
		return nil, errors.New("is absent")
	}
	return value, nil
}

func fromNumber(kind string, number int64) (any, error) {
	switch kind {
	case "int":
		return number, nil
	case "date":
		return time.Unix(number*86_400, 0).UTC().Format(time.DateOnly), nil
	case "datetime":
		return wire.Datetime(time.UnixMicro(number)), nil
	case "duration":
		return values.Duration(number).String(), nil
	}
	return nil, fmt.Errorf("a number is no %s", kind)
}

// decode reads a datum as plain data: int64, string, bool, nil, lists and objects.
func decode(in *avro.Reader, schema avro.Schema) (any, error) {
	switch at := schema.(type) {
	case *avro.RefSchema:
		return decode(in, at.Schema())
	case *avro.RecordSchema:
		members := make(map[string]any, len(at.Fields()))
		for _, each := range at.Fields() {
			value, err := decode(in, each.Type())
			if err != nil {
				return nil, err
			}
			members[each.Name()] = value
		}
		return members, nil
	case *avro.UnionSchema:
		branch := in.ReadLong()
		if branch < 0 || branch >= int64(len(at.Types())) {
			return nil, fmt.Errorf("a union has no branch %d", branch)
		}
		return decode(in, at.Types()[branch])
	case *avro.ArraySchema:
		return decodeList(in, at.Items())
	}
	return decodeScalar(in, schema)
}

func decodeList(in *avro.Reader, item avro.Schema) (any, error) {
	items := []any{}
	for {
		count, _ := in.ReadBlockHeader()
		if in.Error != nil || count == 0 {
			return items, in.Error
		}
		if count < 0 || int64(len(items))+count > mostItems {
			return nil, errors.New("a list has too many items")
		}
		for range count {
			value, err := decode(in, item)
			if err == nil {
				err = in.Error
			}
			if err != nil {
				return nil, err
			}
			items = append(items, value)
		}
	}
}

func decodeScalar(in *avro.Reader, schema avro.Schema) (any, error) {
	switch schema.Type() {
	case avro.Long:
		return in.ReadLong(), nil
	case avro.Int:
		return int64(in.ReadInt()), nil
	case avro.String:
		return in.ReadString(), nil
	case avro.Boolean:
		return in.ReadBool(), nil
	case avro.Null:
		return nil, nil
	}
	return nil, fmt.Errorf("%s is no type of messages", schema.Type())
}
