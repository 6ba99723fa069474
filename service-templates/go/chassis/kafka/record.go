package kafka

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/message"
)

// mostIndexed is how many bytes an index can hold safely; PostgreSQL's end at 2700 for all columns together.
const mostIndexed = 512

// RecordOf is a record from what the Kafka client gives: its text such as a database can keep, and the bytes as they were.
func RecordOf(from *kgo.Record) *message.Record {
	record := &message.Record{
		Topic: from.Topic, Partition: from.Partition, Offset: from.Offset, Key: bounded(text(from.Key)),
		Headers: make(map[string]string, len(from.Headers)), Payload: from.Value, Timestamp: from.Timestamp.UnixMilli(),
		RawKey: from.Key, RawHeaders: make([]message.Header, len(from.Headers)), Level: message.Straight,
	}
	for i, header := range from.Headers {
		record.RawHeaders[i] = message.Header{Name: header.Key, Value: header.Value}
		value := text(header.Value)
		if header.Key == message.ID || header.Key == message.Source {
			value = bounded(value)
		}
		record.Headers[text([]byte(header.Key))] = value
	}
	return record
}

// text is what a database can keep: what is no UTF-8, or NUL, is written as an escape.
func text(raw []byte) string {
	if utf8.Valid(raw) && !strings.Contains(string(raw), "\x00") {
		return string(raw)
	}
	var out strings.Builder
	for len(raw) > 0 {
		char, size := utf8.DecodeRune(raw)
		if char == 0 || char == utf8.RuneError && size == 1 {
			fmt.Fprintf(&out, `\x%02x`, raw[0])
		} else {
			out.WriteRune(char)
		}
		raw = raw[size:]
	}
	return out.String()
}

// bounded is text that an index can hold; what is longer is known by its digest.
func bounded(text string) string {
	if len(text) <= mostIndexed {
		return text
	}
	start := []rune(text[:min(len(text), 64*utf8.UTFMax)])
	digest := sha256.Sum256([]byte(text))
	return string(start[:min(64, len(start))]) + "#" + hex.EncodeToString(digest[:])
}
