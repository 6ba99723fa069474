package inbox

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"chassis/message"
)

// rawHeaders lies beside the headers of a parked record when text cannot hold them or its key exactly.
const rawHeaders = "_raw"

// storedHeaders are the headers as a JSON object, with the raw bytes beside them where the object would not be exact.
func storedHeaders(record *message.Record) map[string]any {
	stored := make(map[string]any, len(record.Headers)+1)
	for name, value := range record.Headers {
		stored[name] = value
	}
	if isExact(record) {
		return stored
	}
	headers := make([][2]any, len(record.RawHeaders))
	for i, header := range record.RawHeaders {
		headers[i] = [2]any{header.Name, encoded(header.Value)}
	}
	stored[rawHeaders] = map[string]any{"key": encoded(record.RawKey), "headers": headers}
	return stored
}

func isExact(record *message.Record) bool {
	if record.RawKey == nil || string(record.RawKey) != record.Key || len(record.RawHeaders) != len(record.Headers) {
		return false
	}
	for _, header := range record.RawHeaders {
		value, ok := record.Headers[header.Name]
		if !ok || header.Value == nil || !bytes.Equal(header.Value, []byte(value)) {
			return false
		}
	}
	return true
}

// restoreHeaders puts stored headers, and the raw bytes beside them, into a record whose key is known.
func restoreHeaders(record *message.Record, stored map[string]any) error {
	record.Headers = make(map[string]string, len(stored))
	for name, value := range stored {
		if text, ok := value.(string); ok {
			record.Headers[name] = text
		}
	}
	raw, ok := stored[rawHeaders].(map[string]any)
	if !ok {
		record.RawKey = []byte(record.Key)
		for name, value := range record.Headers {
			record.RawHeaders = append(record.RawHeaders, message.Header{Name: name, Value: []byte(value)})
		}
		return nil
	}
	var err error
	if record.RawKey, err = decoded(raw["key"]); err != nil {
		return err
	}
	headers, _ := raw["headers"].([]any)
	for _, each := range headers {
		pair, _ := each.([]any)
		if len(pair) != 2 {
			return fmt.Errorf("a parked record's headers are damaged: %v", each)
		}
		name, _ := pair[0].(string)
		value, err := decoded(pair[1])
		if err != nil {
			return err
		}
		record.RawHeaders = append(record.RawHeaders, message.Header{Name: name, Value: value})
	}
	return nil
}

func encoded(raw []byte) any {
	if raw == nil {
		return nil
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func decoded(text any) ([]byte, error) {
	if text == nil {
		return nil, nil
	}
	coded, _ := text.(string)
	return base64.StdEncoding.DecodeString(coded)
}
