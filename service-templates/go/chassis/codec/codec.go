// Package codec gives payloads on the bus in Confluent's wire format: a zero, the schema's id in four bytes, the message.
//
// The codec stands between wire JSON, which the rest of the chassis deals in, and bytes. Messages are written in Avro, or
// in Protobuf where the facts say so; both are read, whatever this service writes itself, so that a fleet can change its
// format. Avro is read with the schema it was written with and resolved to the schema this service knows.
package codec

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hamba/avro/v2"

	"chassis/definition"
	"chassis/message"
	"chassis/registry"
	"chassis/wire"
)

const headBytes = 5

type known struct {
	message       definition.Message
	compatibility string
	avro          *avroShape
	protobuf      *protobufShape // nil where the message travels in Avro
	subject       string
	written       bool // by this service
}

// Codec encodes and decodes the messages of one service by their ce_type. Any goroutine may use it.
type Codec struct {
	registry registry.Registry
	messages map[string]*known

	mu      sync.Mutex
	ids     map[string]int32
	written map[int32]avro.Schema // what others wrote with, by id
}

// New knows all messages of a service. It fails on facts whose schemas cannot be read.
func New(facts *definition.Definition, schemas registry.Registry) (*Codec, error) {
	codec := &Codec{
		registry: schemas, messages: map[string]*known{}, ids: map[string]int32{}, written: map[int32]avro.Schema{},
	}
	values := map[string][]definition.Field{}
	for _, value := range facts.Values {
		values[value.Name.Pascal] = value.Fields
	}
	var err error
	know := func(of definition.Message, compatibility string, written bool) {
		if failed := codec.know(of, compatibility, written, values); failed != nil && err == nil {
			err = failed
		}
	}
	for _, each := range slices.Concat(facts.ForeignCommands, facts.Commands) {
		know(each.Message, "FULL_TRANSITIVE", true)
	}
	for _, each := range facts.ForeignEvents {
		know(each.Message, "BACKWARD_TRANSITIVE", false)
	}
	for _, each := range facts.Events {
		know(each.Message, "BACKWARD_TRANSITIVE", true)
	}
	return codec, err
}

func (c *Codec) know(of definition.Message, compatibility string, written bool, values map[string][]definition.Field) error {
	if of.Compatibility != "" {
		compatibility = of.Compatibility
	}
	var name struct{ Namespace, Name string }
	if err := json.Unmarshal(of.Avro, &name); err != nil {
		return fmt.Errorf("schema of %s: %w", of.Type, err)
	}
	shape, err := newAvroShape(of, values)
	if err != nil {
		return err
	}
	// One subject a topic and record, since a topic carries several types.
	entry := &known{
		message: of, compatibility: compatibility, avro: shape, written: written,
		subject: of.Topic + "-" + name.Namespace + "." + name.Name,
	}
	if of.Protobuf != nil {
		if entry.protobuf, err = newProtobufShape(of, values); err != nil {
			return err
		}
	}
	c.messages[of.Type] = entry
	return nil
}

// Register registers all schemas this service writes, waiting for the registry until the context ends. It fails with a
// *registry.Incompatible when a schema would break readers: the service must not start.
func (c *Codec) Register(ctx context.Context) error {
	for _, ceType := range slices.Sorted(maps.Keys(c.messages)) {
		for c.messages[ceType].written {
			_, err := c.schemaID(ctx, ceType)
			var away *registry.Unavailable
			if !errors.As(err, &away) {
				if err != nil {
					return err
				}
				break
			}
			slog.WarnContext(ctx, "waiting for the schema registry", "reason", err)
			select {
			case <-ctx.Done():
				return err
			case <-time.After(500 * time.Millisecond):
			}
		}
	}
	return nil
}

func (c *Codec) schemaID(ctx context.Context, ceType string) (int32, error) {
	entry, ok := c.messages[ceType]
	if !ok {
		return 0, fmt.Errorf("%s: no such message is known here", ceType)
	}
	c.mu.Lock()
	id, ok := c.ids[ceType]
	c.mu.Unlock()
	if ok {
		return id, nil
	}
	schema := registry.Schema{Text: string(entry.message.Avro), Kind: "AVRO"}
	if entry.protobuf != nil {
		schema = registry.Schema{Text: entry.message.Protobuf.Text, Kind: "PROTOBUF"}
	} else if compact, err := compacted(entry.message.Avro); err == nil {
		schema.Text = compact
	}
	id, err := c.registry.Register(ctx, entry.subject, schema, entry.compatibility)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[ceType] = id
	return id, nil
}

// SchemaURL is where the schema that messages of the type are written with can be looked up.
func (c *Codec) SchemaURL(ctx context.Context, ceType string) (string, error) {
	id, err := c.schemaID(ctx, ceType)
	return fmt.Sprintf("%s/schemas/ids/%d", c.registry.URL(), id), err
}

// ContentType says how messages of the type are written.
func (c *Codec) ContentType(ceType string) string {
	if entry := c.messages[ceType]; entry != nil && entry.protobuf != nil {
		return message.Protobuf
	}
	return message.Avro
}

// Encode gives the payload of a message given as canonical wire JSON.
func (c *Codec) Encode(ctx context.Context, ceType string, data map[string]any) ([]byte, error) {
	id, err := c.schemaID(ctx, ceType)
	if err != nil {
		return nil, err
	}
	entry := c.messages[ceType]
	var body []byte
	if entry.protobuf != nil {
		body, err = entry.protobuf.write(data)
	} else {
		body, err = entry.avro.write(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w", ceType, err)
	}
	payload := make([]byte, headBytes, headBytes+len(body))
	binary.BigEndian.PutUint32(payload[1:], uint32(id))
	return append(payload, body...), nil
}

// Decode gives the wire JSON of a record. It fails with a *message.PermanentFailure when the bytes are no message of that
// type and never will be, and with a *registry.Unavailable when the schema could not be fetched now.
func (c *Codec) Decode(ctx context.Context, record *message.Record) (map[string]any, error) {
	refuse := func(text, reason string) (map[string]any, error) {
		return nil, &message.PermanentFailure{Text: record.Type() + ": " + text, Reason: reason}
	}
	if record.Payload == nil {
		return refuse("the record is a tombstone", message.Deserialize)
	}
	contentType := record.Headers[message.ContentType]
	if strings.HasPrefix(contentType, message.JSON) {
		data, err := wire.Parse(record.Payload)
		if err != nil {
			return refuse("the payload is not a JSON object", message.Deserialize)
		}
		return data, nil
	}
	entry, ok := c.messages[record.Type()]
	switch {
	case !ok:
		return refuse("no such message is known here", message.Schema)
	case len(record.Payload) < headBytes || record.Payload[0] != 0:
		return refuse("the payload is not in the registry's wire format", message.Deserialize)
	case strings.HasPrefix(contentType, message.Protobuf) && entry.protobuf == nil:
		return refuse("this service does not know the message in Protobuf", message.Schema)
	}
	var data map[string]any
	var err error
	if strings.HasPrefix(contentType, message.Protobuf) {
		data, err = entry.protobuf.read(record.Payload[headBytes:])
	} else {
		var schema avro.Schema
		schema, err = c.writtenWith(ctx, int32(binary.BigEndian.Uint32(record.Payload[1:])))
		var permanent *message.PermanentFailure
		if err != nil && errors.As(err, &permanent) {
			return refuse(permanent.Text, permanent.Reason)
		}
		if err != nil {
			return nil, err
		}
		data, err = entry.avro.read(record.Payload[headBytes:], schema)
	}
	if err != nil {
		return refuse(err.Error(), message.Deserialize)
	}
	return data, nil
}

// writtenWith is the schema of the writer.
func (c *Codec) writtenWith(ctx context.Context, id int32) (avro.Schema, error) {
	c.mu.Lock()
	schema, ok := c.written[id]
	c.mu.Unlock()
	if ok {
		return schema, nil
	}
	text, err := c.registry.Schema(ctx, id)
	var unknown *registry.Unknown
	if errors.As(err, &unknown) {
		return nil, &message.PermanentFailure{Text: unknown.Text, Reason: message.Schema}
	}
	if err != nil {
		return nil, err
	}
	if schema, err = parseAvro(text); err != nil {
		return nil, &message.PermanentFailure{Text: fmt.Sprintf("schema %d: %v", id, err), Reason: message.Schema}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written[id] = schema
	return schema, nil
}

// compacted is a schema without white space, as the other languages of a fleet register it.
func compacted(schema json.RawMessage) (string, error) {
	var out bytes.Buffer
	err := json.Compact(&out, schema)
	return out.String(), err
}
