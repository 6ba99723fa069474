// Package lab gives tests real servers: a database of their own on the PostgreSQL of POSTGRES_URL, and topics of their
// own on the Kafka of KAFKA_BOOTSTRAP. A test that finds none fails: it must not pass by not running.
package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/database"
	"chassis/identity"
	"chassis/kafka"
	"chassis/message"
	"chassis/migrations"
)

// Source and Type of the messages that the lab writes.
const (
	Source = "/fleet/lab/writer"
	Type   = "lab.Happened.v1"
	wait   = 30 * time.Second
)

func needed(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Fatalf("%s is not set: run the tests with `make go`", variable)
	}
	return value
}

// Until waits for a condition.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(wait)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", wait, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Store is a database with the chassis's tables.
type Store struct {
	T   testing.TB
	DB  *database.Database
	URL string
}

// NewDatabase is an empty database, gone after the test.
func NewDatabase(t testing.TB) string {
	t.Helper()
	server, name := needed(t, "POSTGRES_URL"), "t"+strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	admin := func(statement string) {
		ctx := context.Background()
		connection, err := pgx.Connect(ctx, server)
		if err == nil {
			_, err = connection.Exec(ctx, statement)
			_ = connection.Close(ctx)
		}
		if err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	admin("CREATE DATABASE " + name)
	t.Cleanup(func() { admin("DROP DATABASE " + name + " WITH (FORCE)") })
	return server[:strings.LastIndex(server, "/")+1] + name
}

// NewStore is a migrated database, gone after the test.
func NewStore(t testing.TB) *Store {
	t.Helper()
	return StoreOn(t, NewDatabase(t), database.Options{Application: "lab"})
}

// StoreOn migrates and opens the database of that URL.
func StoreOn(t testing.TB, url string, options database.Options) *Store {
	t.Helper()
	db, err := database.Configure(url, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if _, err := migrations.Migrate(t.Context(), db, migrations.Files{}); err != nil {
		t.Fatal(err)
	}
	return &Store{t, db, url}
}

// Value is the one value that a query gives.
func Value[V any](s *Store, query string, parameters ...any) V {
	s.T.Helper()
	var value V
	if err := s.DB.Pool().QueryRow(context.Background(), query, parameters...).Scan(&value); err != nil {
		s.T.Fatalf("%s: %v", query, err)
	}
	return value
}

// Count is the number that a query gives.
func (s *Store) Count(query string, parameters ...any) int64 {
	s.T.Helper()
	return Value[int64](s, query, parameters...)
}

// Exec runs a statement.
func (s *Store) Exec(statement string, parameters ...any) {
	s.T.Helper()
	if _, err := s.DB.Pool().Exec(context.Background(), statement, parameters...); err != nil {
		s.T.Fatalf("%s: %v", statement, err)
	}
}

// Envelope is a message with a number in JSON.
func Envelope(topic, key string, n int) message.Envelope {
	id := identity.New()
	return message.Envelope{
		Topic: topic, Key: key, ID: id, Type: Type, Payload: fmt.Appendf(nil, `{"n":%d}`, n),
		Headers: map[string]string{
			message.ContentType: message.JSON, message.SpecVersion: "1.0", message.ID: id.String(), message.Type: Type,
			message.Source: Source, message.PartitionKey: key, message.CorrelationID: id.String(),
		},
	}
}

// Publish commits one message for each key.
func (s *Store) Publish(topic string, keys ...string) {
	s.T.Helper()
	err := s.DB.Work(context.Background(), message.NewContext(), func(work *database.Work) error {
		for n, key := range keys {
			work.Append(Envelope(topic, key, n))
		}
		return nil
	})
	if err != nil {
		s.T.Fatal(err)
	}
}

// IsDrained tells whether the outbox is empty.
func (s *Store) IsDrained() bool { return s.Count("SELECT count(*) FROM outbox") == 0 }

// Bus is Kafka, with topics that no other test has.
type Bus struct {
	T         testing.TB
	Bootstrap string
	client    *kgo.Client
}

// NewBus connects to the brokers.
func NewBus(t testing.TB) *Bus {
	t.Helper()
	bootstrap := needed(t, "KAFKA_BOOTSTRAP")
	client, err := kgo.NewClient(append(kafka.Common(bootstrap, "lab"), kgo.UnknownTopicRetries(-1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &Bus{t, bootstrap, client}
}

// Name of a topic that does not exist yet.
func (b *Bus) Name(name string) string { return "lab." + uuid.NewString()[:8] + "." + name }

// Topic is a new topic, ready for use.
func (b *Bus) Topic(partitions int) string {
	b.T.Helper()
	name := b.Name("events")
	wanted := kafka.WantedTopic{Name: name, Partitions: partitions, Replicas: 1, Retention: time.Hour}
	if err := kafka.EnsureTopics(b.T.Context(), b.Bootstrap, []kafka.WantedTopic{wanted}); err != nil {
		b.T.Fatal(err)
	}
	return name
}

// Record as another service would write it; `more` are further headers or replacements.
func Record(topic, key string, sequence int64, more map[string]string) *kgo.Record {
	headers := map[string]string{
		message.ID: uuid.NewString(), message.Type: Type, message.Source: Source, message.ContentType: message.JSON,
	}
	if sequence > 0 {
		headers[message.Sequence] = fmt.Sprintf("%020d", sequence)
	}
	for name, value := range more {
		headers[name] = value
	}
	record := &kgo.Record{Topic: topic, Key: []byte(key), Value: fmt.Appendf(nil, `{"n":%d}`, sequence)}
	for name, value := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	return record
}

// Write waits until the broker has the records.
func (b *Bus) Write(records ...*kgo.Record) {
	b.T.Helper()
	if err := b.client.ProduceSync(b.T.Context(), records...).FirstErr(); err != nil {
		b.T.Fatal(err)
	}
}

// Read gives all records of topics, in order of each partition, as soon as there are at least so many.
func (b *Bus) Read(least int, topics ...string) []*message.Record {
	b.T.Helper()
	client, err := kgo.NewClient(append(kafka.Common(b.Bootstrap, "lab-read"),
		kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(200*time.Millisecond))...)
	if err != nil {
		b.T.Fatal(err)
	}
	defer client.Close()
	var records []*message.Record
	deadline := time.Now().Add(wait)
	for len(records) < least {
		if time.Now().After(deadline) {
			b.T.Fatalf("%d records of %d after %s", len(records), least, wait)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		fetches := client.PollFetches(ctx)
		cancel()
		fetches.EachRecord(func(record *kgo.Record) { records = append(records, kafka.RecordOf(record)) })
	}
	return records
}

// FirstSequences are the sequences of each key in order of arrival, repetitions of a message left out.
func FirstSequences(records []*message.Record) map[string][]int64 {
	seen, found := map[string]bool{}, map[string][]int64{}
	for _, record := range records {
		if !seen[record.ID()] {
			seen[record.ID()] = true
			sequence, _ := record.Sequence()
			found[record.Key] = append(found[record.Key], sequence)
		}
	}
	return found
}

// IsDense tells whether the sequences are 1, 2, 3 …
func IsDense(sequences []int64) bool {
	for i, sequence := range sequences {
		if sequence != int64(i+1) {
			return false
		}
	}
	return true
}

// JSON is the payload of a record.
func JSON(t testing.TB, record *message.Record) map[string]any {
	t.Helper()
	var read map[string]any
	if err := json.Unmarshal(record.Payload, &read); err != nil {
		t.Fatal(err)
	}
	return read
}
