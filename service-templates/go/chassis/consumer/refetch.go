package consumer

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/kafka"
	"chassis/message"
)

const (
	lookBack    = 100_000 // offsets before the record whose predecessor is missing
	refetchMost = 30 * time.Second
)

// Missing looks in the topic itself for records that did not arrive: those of the same key and source with sequences
// behind `after` and before the record's own. The consumer that looks belongs to no group.
func Missing(ctx context.Context, bootstrap string, record *message.Record, after int64) ([]*message.Record, error) {
	last, _ := record.Sequence()
	ctx, cancel := context.WithTimeout(ctx, refetchMost)
	defer cancel()
	found := map[int64]*message.Record{}
	err := Stretch(ctx, bootstrap, record.Topic, record.Partition, record.Offset-lookBack, func(raw *kgo.Record) bool {
		if !bytes.Equal(raw.Key, record.RawKey) {
			return true
		}
		candidate := kafka.RecordOf(raw)
		sequence, counts := candidate.Sequence()
		if counts && after < sequence && sequence < last && candidate.Source() == record.Source() {
			found[sequence] = candidate
		}
		return int64(len(found)) < last-after-1
	})
	if err != nil {
		return nil, fmt.Errorf("cannot look for what is missing before %s: %w", record.ID(), err)
	}
	missing := make([]*message.Record, 0, len(found))
	for _, sequence := range slices.Sorted(maps.Keys(found)) {
		missing = append(missing, found[sequence])
	}
	return missing, nil
}

// Stretch shows the records of a partition from an offset to what is its end now, until `see` is false.
func Stretch(
	ctx context.Context, bootstrap, topic string, partition int32, from int64, see func(*kgo.Record) bool,
) error {
	client, err := kgo.NewClient(kafka.Common(bootstrap, "stretch")...)
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return err
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	low, _ := starts.Lookup(topic, partition)
	high, ok := ends.Lookup(topic, partition)
	if !ok || high.Err != nil {
		return fmt.Errorf("%s/%d has no end: %w", topic, partition, high.Err)
	}
	at := max(low.Offset, from)
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(at)}})
	for at < high.Offset {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, record := range fetches.Records() {
			at = record.Offset + 1
			if !see(record) {
				return nil
			}
		}
	}
	return nil
}
