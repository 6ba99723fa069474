package codec_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"chassis/codec"
	"chassis/definition"
	"chassis/message"
	"chassis/registry"
	"chassis/wire"
)

// schemas is a registry in memory, whose ids begin at 1.
type schemas struct{ known []string }

func (s *schemas) URL() string { return "http://registry" }

func (s *schemas) Register(_ context.Context, _ string, schema registry.Schema, _ string) (int32, error) {
	s.known = append(s.known, schema.Text)
	return int32(len(s.known)), nil
}

func (s *schemas) Schema(_ context.Context, id int32) (string, error) {
	if id < 1 || int(id) > len(s.known) {
		return "", &registry.Unknown{Text: "no such schema"}
	}
	return s.known[id-1], nil
}

// written are messages of every kind of field, as the Python chassis writes them.
type written struct {
	Values []definition.Value
	Cases  []struct {
		Kind    string
		Message json.RawMessage
		Wire    json.RawMessage
		Body    string
	}
}

func read(t *testing.T) written {
	t.Helper()
	text, err := os.ReadFile("testdata/python.json")
	if err != nil {
		t.Fatal(err)
	}
	var all written
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Cases) < 15 {
		t.Fatalf("only %d cases", len(all.Cases))
	}
	return all
}

func made(t *testing.T, values []definition.Value, text json.RawMessage) (*codec.Codec, definition.Event) {
	t.Helper()
	var event definition.Event
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	one, err := codec.New(&definition.Definition{Values: values, Events: []definition.Event{event}}, &schemas{})
	if err != nil {
		t.Fatal(err)
	}
	return one, event
}

func TestBytesAreThoseOfPython(t *testing.T) {
	all := read(t)
	for _, each := range all.Cases {
		t.Run(each.Kind, func(t *testing.T) {
			one, event := made(t, all.Values, each.Message)
			given, err := wire.Parse(each.Wire)
			if err != nil {
				t.Fatal(err)
			}
			data, err := wire.Compile(event.Fields, all.Values).Read(given)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := one.Encode(t.Context(), event.Type, data)
			if err != nil {
				t.Fatal(err)
			}
			if id := binary.BigEndian.Uint32(payload[1:5]); payload[0] != 0 || id != 1 {
				t.Errorf("head %x", payload[:5])
			}
			if body := hex.EncodeToString(payload[5:]); body != each.Body {
				t.Errorf("%s instead of %s", body, each.Body)
			}
			got, err := one.Decode(t.Context(), record(event.Type, one.ContentType(event.Type), payload))
			if err != nil || !reflect.DeepEqual(got, data) {
				t.Errorf("%v %v instead of %v", got, err, data)
			}
		})
	}
}

func record(kind, contentType string, payload []byte) *message.Record {
	return &message.Record{
		Topic: "t", Headers: map[string]string{message.Type: kind, message.ContentType: contentType}, Payload: payload,
	}
}

func TestNoBytesDoMoreThanFailForGood(t *testing.T) {
	all := read(t)
	for _, each := range all.Cases {
		one, event := made(t, all.Values, each.Message)
		if _, err := one.SchemaURL(t.Context(), event.Type); err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(r *rapid.T) {
			payload := append([]byte{0, 0, 0, 0, 1}, rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(r, "noise")...)
			_, err := one.Decode(context.Background(), record(event.Type, one.ContentType(event.Type), payload))
			var permanent *message.PermanentFailure
			if err != nil && !errors.As(err, &permanent) {
				r.Fatalf("%T %v", err, err)
			}
		})
	}
}

func TestWhatIsNoPayloadFailsForGoodWithItsReason(t *testing.T) {
	all := read(t)
	one, event := made(t, all.Values, all.Cases[0].Message)
	for what, each := range map[string]struct {
		record *message.Record
		reason string
	}{
		"a tombstone":        {record(event.Type, message.Avro, nil), message.Deserialize},
		"too short":          {record(event.Type, message.Avro, []byte{0}), message.Deserialize},
		"another magic":      {record(event.Type, message.Avro, []byte{1, 0, 0, 0, 1}), message.Deserialize},
		"an unknown schema":  {record(event.Type, message.Avro, []byte{0, 0, 0, 0, 9}), message.Schema},
		"an unknown message": {record("x.Other.v1", message.Avro, []byte{0, 0, 0, 0, 1}), message.Schema},
		"no JSON":            {record(event.Type, message.JSON, []byte("{")), message.Deserialize},
	} {
		_, err := one.Decode(t.Context(), each.record)
		var permanent *message.PermanentFailure
		if !errors.As(err, &permanent) || permanent.Reason != each.reason {
			t.Errorf("%s: %v", what, err)
		}
	}
}
