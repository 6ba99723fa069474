package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/durationpb"  // messages may import it
	_ "google.golang.org/protobuf/types/known/timestamppb" // messages may import it

	"chassis/definition"
	"chassis/values"
	"chassis/wire"
)

// mainMessage is Confluent's message indexes for the first message of the file.
const mainMessage = 0x00

// protobufShape writes and reads a message by its descriptor; no generated code is needed. Readers need no schema of the
// writer: fields are known by their numbers, which never move, and what is not known is passed over.
type protobufShape struct {
	message protoreflect.MessageDescriptor
	fields  []definition.Field
	values  map[string][]definition.Field
}

func newProtobufShape(of definition.Message, known map[string][]definition.Field) (*protobufShape, error) {
	var file descriptorpb.FileDescriptorProto
	if err := protojson.Unmarshal(of.Protobuf.Descriptor, &file); err != nil {
		return nil, fmt.Errorf("descriptor of %s: %w", of.Type, err)
	}
	made, err := protodesc.NewFile(&file, protoregistry.GlobalFiles)
	if err != nil {
		return nil, fmt.Errorf("descriptor of %s: %w", of.Type, err)
	}
	name := protoreflect.FullName(of.Protobuf.Message)
	found := made.Messages().ByName(name.Name())
	if found == nil {
		return nil, fmt.Errorf("descriptor of %s has no message %s", of.Type, name)
	}
	return &protobufShape{found, of.Fields, known}, nil
}

func (s *protobufShape) write(data map[string]any) ([]byte, error) {
	message := dynamicpb.NewMessage(s.message)
	if err := s.fill(message, s.fields, data); err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte{mainMessage}, message)
}

func (s *protobufShape) read(payload []byte) (map[string]any, error) {
	if len(payload) == 0 || payload[0] != mainMessage {
		return nil, errors.New("the record is not of the first message of its file")
	}
	message := dynamicpb.NewMessage(s.message)
	if err := proto.Unmarshal(payload[1:], message); err != nil {
		return nil, err
	}
	return s.object(message, s.fields)
}

func (s *protobufShape) at(of protoreflect.MessageDescriptor, field definition.Field) (protoreflect.FieldDescriptor, error) {
	if found := of.Fields().ByName(protoreflect.Name(field.Name.Snake)); found != nil {
		return found, nil
	}
	if found := of.Fields().ByJSONName(field.Name.Text); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s has no field %s", of.FullName(), field.Name.Text)
}

// -- to Protobuf

func (s *protobufShape) fill(message protoreflect.Message, fields []definition.Field, data map[string]any) error {
	for _, each := range fields {
		value := data[each.Name.Text]
		if value == nil {
			continue
		}
		at, err := s.at(message.Descriptor(), each)
		if err != nil {
			return err
		}
		if err := s.set(message, at, each.Type, value); err != nil {
			return fmt.Errorf("%s: %w", each.Name.Text, err)
		}
	}
	return nil
}

func (s *protobufShape) set(message protoreflect.Message, at protoreflect.FieldDescriptor, kind definition.Type, value any) error {
	if kind.Kind == "optional" && kind.Of != nil {
		kind = *kind.Of
	}
	if kind.Kind != "list" {
		return s.assign(message, at, kind, value)
	}
	if !at.IsList() { // an optional list is a message that holds one
		inner := message.Mutable(at).Message()
		return s.set(inner, inner.Descriptor().Fields().ByName("items"), kind, value)
	}
	items, ok := value.([]any)
	if !ok {
		return errors.New("is no list")
	}
	list := message.Mutable(at).List()
	for _, item := range items {
		if at.Kind() == protoreflect.MessageKind {
			element := list.NewElement()
			if err := s.fillMessage(element.Message(), *kind.Of, item); err != nil {
				return err
			}
			list.Append(element)
			continue
		}
		scalar, err := toScalar(kind.Of.Kind, item)
		if err != nil {
			return err
		}
		list.Append(scalar)
	}
	return nil
}

func (s *protobufShape) assign(message protoreflect.Message, at protoreflect.FieldDescriptor, kind definition.Type, value any) error {
	if at.Kind() == protoreflect.MessageKind {
		return s.fillMessage(message.Mutable(at).Message(), kind, value)
	}
	scalar, err := toScalar(kind.Kind, value)
	if err == nil {
		message.Set(at, scalar)
	}
	return err
}

func (s *protobufShape) fillMessage(message protoreflect.Message, kind definition.Type, value any) error {
	switch kind.Kind {
	case "datetime":
		text, _ := value.(string)
		moment, err := time.Parse(time.RFC3339Nano, text)
		setSpan(message, moment.Unix(), int32(moment.Nanosecond()/1000*1000))
		return err
	case "duration":
		text, _ := value.(string)
		span, err := values.ParseDuration(text)
		setSpan(message, int64(span)/1000, int32(int64(span)%1000*1_000_000)) // both parts carry the sign
		return err
	}
	members, ok := value.(map[string]any)
	if !ok {
		return errors.New("is no object")
	}
	fields := money
	if kind.Kind != "money" {
		fields = s.values[kind.Value]
	}
	return s.fill(message, fields, members)
}

func setSpan(message protoreflect.Message, seconds int64, nanos int32) {
	fields := message.Descriptor().Fields()
	message.Set(fields.ByName("seconds"), protoreflect.ValueOfInt64(seconds))
	message.Set(fields.ByName("nanos"), protoreflect.ValueOfInt32(nanos))
}

func toScalar(kind string, value any) (protoreflect.Value, error) {
	switch given := value.(type) {
	case int64:
		return protoreflect.ValueOfInt64(given), nil
	case bool:
		return protoreflect.ValueOfBool(given), nil
	case string:
		return protoreflect.ValueOfString(given), nil
	}
	if kind == "json" {
		text, err := json.Marshal(value)
		return protoreflect.ValueOfString(string(text)), err
	}
	return protoreflect.Value{}, fmt.Errorf("a value of type %T is no %s", value, kind)
}

// -- from Protobuf

func (s *protobufShape) object(message protoreflect.Message, fields []definition.Field) (map[string]any, error) {
	read := make(map[string]any, len(fields))
	for _, each := range fields {
		at, err := s.at(message.Descriptor(), each)
		if err != nil {
			return nil, err
		}
		if read[each.Name.Text], err = s.get(message, at, each.Type); err != nil {
			return nil, fmt.Errorf("%s: %w", each.Name.Text, err)
		}
	}
	return read, nil
}

// get reads a field; one that can be absent, or is absent where it is needed, is nil.
func (s *protobufShape) get(message protoreflect.Message, at protoreflect.FieldDescriptor, kind definition.Type) (any, error) {
	isOptional := kind.Kind == "optional" && kind.Of != nil
	if isOptional {
		kind = *kind.Of
	}
	if kind.Kind == "list" && at.IsList() {
		return s.list(message.Get(at).List(), at, *kind.Of)
	}
	if (isOptional || at.Kind() == protoreflect.MessageKind) && !message.Has(at) {
		return nil, nil
	}
	if kind.Kind == "list" {
		inner := message.Get(at).Message()
		return s.get(inner, inner.Descriptor().Fields().ByName("items"), kind)
	}
	return s.item(message.Get(at), at, kind)
}

func (s *protobufShape) list(list protoreflect.List, at protoreflect.FieldDescriptor, kind definition.Type) (any, error) {
	items := make([]any, list.Len())
	for i := range items {
		var err error
		if items[i], err = s.item(list.Get(i), at, kind); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (s *protobufShape) item(value protoreflect.Value, at protoreflect.FieldDescriptor, kind definition.Type) (any, error) {
	if at.Kind() != protoreflect.MessageKind {
		switch given := value.Interface().(type) {
		case int64, bool, string:
			return given, nil
		}
		return nil, fmt.Errorf("%s is no type of messages", at.Kind())
	}
	message := value.Message()
	switch kind.Kind {
	case "datetime":
		seconds, nanos := span(message)
		return wire.Datetime(time.Unix(seconds, nanos)), nil
	case "duration":
		seconds, nanos := span(message)
		return values.Duration(seconds*1000 + nanos/1_000_000).String(), nil
	case "money":
		return s.object(message, money)
	}
	return s.object(message, s.values[kind.Value])
}

func span(message protoreflect.Message) (seconds, nanos int64) {
	fields := message.Descriptor().Fields()
	return message.Get(fields.ByName("seconds")).Int(), message.Get(fields.ByName("nanos")).Int()
}
