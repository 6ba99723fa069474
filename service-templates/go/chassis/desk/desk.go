// Package desk is the operators' desk for dead letters: look at them, send them again to this group alone, or discard
// them.
//
// A redrive sends the record as it lies there to <topic>.<group>.retry.0, which only this group reads, and then notes
// that in dead_letter. A crash between the two sends it twice: the inbox lets it take effect once.
package desk

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"chassis/consumer"
	"chassis/database"
	"chassis/domain"
	"chassis/faults"
	"chassis/httpapi"
	"chassis/identity"
	"chassis/inbox"
	"chassis/kafka"
	"chassis/message"
	"chassis/recovery"
	"chassis/rules"
	"chassis/telemetry"
)

const (
	mostLetters = 10_000          // of a partition that are looked at: the newest
	readMost    = 8 * time.Second // for reading the letters of a topic
	budget      = 7 * time.Second // after which a redrive stops and says how many are left
	leaseTime   = 40.0            // seconds; longer than reading and sending may take together
	idsShown    = 100

	settledLetters = "SELECT part, off, done FROM dead_letter WHERE topic = $1"
	handledLetters = `
SELECT ce_source, ce_id FROM inbox JOIN unnest($1::text[], $2::text[]) AS asked (ce_source, ce_id)
 USING (ce_source, ce_id) WHERE handler = $3 AND outcome = 'ok'`
	settleLetter = `
INSERT INTO dead_letter (topic, part, off, ce_source, ce_id, done, actor, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (topic, part, off) DO NOTHING`
	takeLease = "SELECT lease_take($1, $2, make_interval(secs => $3))"
	giveLease = "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE name = $1 AND owner = $2"
	sweepOld  = `
DELETE FROM dead_letter WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM dead_letter WHERE at < now() - make_interval(days => $1) LIMIT 5000))`
)

// Desk is for the topics that one service reads.
type Desk struct {
	DB        *database.Database
	Inbox     *inbox.Inbox
	Sender    kafka.Sender
	Bootstrap string
	Topics    []string // those that the service subscribes to
	Owner     string   // names this instance
}

type letter struct {
	rules.Letter
	record *message.Record
	state  rules.LetterState
}

// Shown is a letter as operators see it.
type Shown struct {
	Partition     int32             `json:"partition"`
	Offset        int64             `json:"offset"`
	State         rules.LetterState `json:"state"`
	ID            string            `json:"id"`
	Key           string            `json:"key"`
	Type          string            `json:"type"`
	Reason        string            `json:"reason"`
	Error         string            `json:"error"`
	Message       string            `json:"message"`
	Attempts      string            `json:"attempts"`
	FirstFailedAt string            `json:"firstFailedAt"`
	LastFailedAt  string            `json:"lastFailedAt"`
	Redrives      int               `json:"redrives"`
	Headers       map[string]string `json:"headers,omitempty"`
}

func (l letter) shown() Shown {
	headers := l.record.Headers
	return Shown{
		Partition: l.Place.Partition, Offset: l.Place.Offset, State: l.state, ID: l.ID, Key: l.Key, Type: l.Type,
		Reason: l.Reason, Error: l.Error, Message: headers["dlq_error_message"], Attempts: headers["dlq_attempts"],
		FirstFailedAt: headers["dlq_first_failed_at"], LastFailedAt: headers["dlq_last_failed_at"], Redrives: l.Redrives,
	}
}

// Overview says how many letters each topic has, by state.
func (d *Desk) Overview(ctx context.Context) (any, error) {
	found := []map[string]any{}
	for _, topic := range slices.Sorted(slices.Values(d.Topics)) {
		letters, err := d.known(ctx, topic)
		if err != nil {
			return nil, err
		}
		if len(letters) == 0 {
			continue
		}
		counts := map[string]any{"topic": topic, "deadLetters": rules.DeadLetterTopic(topic, d.Inbox.Group)}
		for _, each := range letters {
			before, _ := counts[string(each.state)].(int)
			counts[string(each.state)] = before + 1
		}
		found = append(found, counts)
	}
	return found, nil
}

// Letters of a topic, the oldest first; all, or those in a state.
func (d *Desk) Letters(ctx context.Context, topic, state string) (any, error) {
	letters, err := d.known(ctx, topic)
	all := []Shown{}
	for _, each := range letters {
		if state == "" || state == string(each.state) {
			all = append(all, each.shown())
		}
	}
	return all, err
}

// Letter is one with its headers.
func (d *Desk) Letter(ctx context.Context, topic string, partition int32, offset int64) (any, error) {
	letters, err := d.known(ctx, topic)
	if err != nil {
		return nil, err
	}
	for _, each := range letters {
		if each.Place == (rules.Place{Partition: partition, Offset: offset}) {
			shown := each.shown()
			shown.Headers = each.record.Headers
			return shown, nil
		}
	}
	return nil, &domain.NotFound{What: "dead letter", Key: strconv.Itoa(int(partition)) + "/" + strconv.FormatInt(offset, 10)}
}

// Mend redrives open letters, no faster than the rate, for some seconds, or discards them, so that keys that wait for them
// go on. It says how many are left.
func (d *Desk) Mend(ctx context.Context, topic, op string, wanted httpapi.Redrive, order httpapi.Order) (result map[string]any, err error) {
	deal := d.send
	if op == "discard" {
		deal, order.Force = d.drop, true
	}
	err = d.alone(ctx, topic, func() error {
		letters, err := d.known(ctx, topic)
		if err != nil {
			return err
		}
		byPlace, opened := map[rules.Place]letter{}, []rules.Letter{}
		for _, each := range letters {
			if each.state == rules.Open {
				byPlace[each.Place], opened = each, append(opened, each.Letter)
			}
		}
		plan := rules.PlanRedrive(opened, wanted.Filter, wanted.Limit, order.Force)
		done := 0
		if !wanted.DryRun {
			done, err = dealAll(ctx, plan.Chosen, wanted.Rate, func(of rules.Letter) error {
				return deal(ctx, topic, byPlace[of.Place], order)
			})
		}
		result = told(plan, done, wanted)
		return err
	})
	return result, err
}

func dealAll(ctx context.Context, chosen []rules.Letter, rate float64, deal func(rules.Letter) error) (done int, err error) {
	began := time.Now()
	for _, each := range chosen {
		due := began.Add(time.Duration(float64(done) / rate * float64(time.Second)))
		if max(time.Since(began), due.Sub(began)) > budget {
			break
		}
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if err := deal(each); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

func (d *Desk) send(ctx context.Context, topic string, of letter, order httpapi.Order) error {
	target := rules.RetryTopic(topic, d.Inbox.Group, rules.Redriven)
	record := &kgo.Record{Topic: target, Key: of.record.RawKey, Value: of.record.Payload}
	for _, header := range of.record.RawHeaders { // as they are, but for the count: one more
		if header.Name != message.RedriveCount {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
	}
	count := strconv.Itoa(of.Redrives + 1)
	record.Headers = append(record.Headers, kgo.RecordHeader{Key: message.RedriveCount, Value: []byte(count)})
	if failure := d.Sender.Send(ctx, []*kgo.Record{record}, nil)[0]; failure != nil {
		return httpapi.BrokerAway(failure.Text)
	}
	faults.Point("redrive.after_produce", target)
	if err := d.settle(ctx, d.DB.Pool(), topic, of, rules.WasRedriven, order); err != nil {
		return err
	}
	telemetry.Redriven.Add(ctx, 1, telemetry.Messaging("redrive", topic, d.Inbox.Group))
	slog.WarnContext(ctx, "dead letter is redriven", "id", of.ID, "topic", topic, "actor", order.Actor)
	return nil
}

func (d *Desk) drop(ctx context.Context, topic string, of letter, order httpapi.Order) error {
	err := d.DB.Work(ctx, message.NewContext(), func(work *database.Work) error {
		if err := d.settle(ctx, work.Tx(), topic, of, rules.Discarded, order); err != nil {
			return err
		}
		was := recovery.Returned(of.record, d.Inbox.Group)
		parked, err := d.Inbox.Parked.At(ctx, work.Tx(), topic, was.Partition, was.Offset)
		if err != nil {
			return err
		}
		if parked == nil {
			return d.Inbox.Bury(ctx, of.record, work, inbox.Discarded)
		}
		work.OnCommit(d.Inbox.OnParked)
		return d.Inbox.PassOver(ctx, parked, work, inbox.Discarded)
	})
	slog.WarnContext(ctx, "dead letter is discarded", "id", of.ID, "topic", topic, "actor", order.Actor)
	return err
}

func (d *Desk) settle(ctx context.Context, on database.Querier, topic string, of letter, as rules.LetterState, order httpapi.Order) error {
	_, err := on.Exec(ctx, settleLetter, rules.DeadLetterTopic(topic, d.Inbox.Group), of.Place.Partition, of.Place.Offset,
		of.Source, of.ID, string(as), order.Actor, order.Reason)
	return err
}

func (d *Desk) known(ctx context.Context, topic string) ([]letter, error) {
	if !slices.Contains(d.Topics, topic) {
		return nil, httpapi.NoTopic(topic)
	}
	dead := rules.DeadLetterTopic(topic, d.Inbox.Group)
	records, err := d.read(ctx, dead)
	if err != nil {
		return nil, httpapi.BrokerAway(err.Error())
	}
	settled, err := d.settled(ctx, dead)
	if err != nil {
		return nil, err
	}
	plain := make([]rules.Letter, len(records))
	for i, record := range records {
		plain[i] = rules.Letter{
			Place:  rules.Place{Partition: record.Partition, Offset: record.Offset},
			Source: record.Source(), ID: record.ID(), Key: record.Key, Type: record.Type(),
			Reason: record.Headers["dlq_reason"], Error: record.Headers["dlq_error_class"], Redrives: record.Redrives(),
		}
	}
	handled, err := d.handled(ctx, plain)
	if err != nil {
		return nil, err
	}
	letters := make([]letter, len(plain))
	for i, state := range rules.LetterStates(plain, settled, handled) {
		letters[i] = letter{plain[i], records[i], state}
	}
	return letters, nil
}

func (d *Desk) settled(ctx context.Context, dead string) (map[rules.Place]rules.LetterState, error) {
	rows, err := d.DB.Pool().Query(ctx, settledLetters, dead)
	if err != nil {
		return nil, err
	}
	settled := map[rules.Place]rules.LetterState{}
	var place rules.Place
	var state string
	_, err = pgx.ForEachRow(rows, []any{&place.Partition, &place.Offset, &state}, func() error {
		settled[place] = rules.LetterState(state)
		return nil
	})
	return settled, err
}

func (d *Desk) handled(ctx context.Context, letters []rules.Letter) (map[rules.Identity]bool, error) {
	sources, ids := make([]string, len(letters)), make([]string, len(letters))
	for i, each := range letters {
		sources[i], ids[i] = each.Source, each.ID
	}
	rows, err := d.DB.Pool().Query(ctx, handledLetters, sources, ids, d.Inbox.Group)
	if err != nil {
		return nil, err
	}
	handled := map[rules.Identity]bool{}
	var of rules.Identity
	_, err = pgx.ForEachRow(rows, []any{&of.Source, &of.ID}, func() error {
		handled[of] = true
		return nil
	})
	return handled, err
}

// read gives all letters in the order of the topic; none for a topic that does not exist. Letters stay where they are: the
// reader belongs to no group.
func (d *Desk) read(ctx context.Context, dead string) ([]*message.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, readMost)
	defer cancel()
	client, err := kgo.NewClient(kafka.Common(d.Bootstrap, "letters")...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, dead)
	if err != nil {
		return nil, err
	}
	var records []*message.Record
	for _, partition := range slices.Sorted(maps.Keys(ends[dead])) {
		end := ends[dead][partition]
		if errors.Is(end.Err, kerr.UnknownTopicOrPartition) {
			return nil, nil
		}
		err := consumer.Stretch(ctx, d.Bootstrap, dead, partition, end.Offset-mostLetters, func(raw *kgo.Record) bool {
			records = append(records, kafka.RecordOf(raw))
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return records, nil
}

// alone: two at once would send every letter twice.
func (d *Desk) alone(ctx context.Context, topic string, do func() error) error {
	lease, me := "redrive:"+topic, d.Owner+":"+identity.New().String()
	var token *int64
	if err := d.DB.Pool().QueryRow(ctx, takeLease, lease, me, leaseTime).Scan(&token); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if token == nil {
		return httpapi.Busy("Somebody else is redriving this topic")
	}
	err := do()
	_, given := d.DB.Pool().Exec(context.WithoutCancel(ctx), giveLease, lease, me)
	return errors.Join(err, given)
}

func told(plan rules.Redrive, done int, wanted httpapi.Redrive) map[string]any {
	refused, ids := []map[string]any{}, []string{}
	for _, each := range plan.Refused {
		refused = append(refused, map[string]any{"id": each.ID, "redrives": each.Redrives})
	}
	for _, each := range plan.Chosen[:min(len(plan.Chosen), idsShown)] {
		ids = append(ids, each.ID)
	}
	return map[string]any{
		"dryRun": wanted.DryRun, "chosen": len(plan.Chosen), "done": done, "left": len(plan.Chosen) - done + plan.Left,
		"refused": refused, "ids": ids,
	}
}

// Sweep forgets one batch of letters that are gone from their topic; how many went.
func Sweep(ctx context.Context, on database.Querier) (int64, error) {
	gone, err := on.Exec(ctx, sweepOld, inbox.KeptDays)
	return gone.RowsAffected(), err
}
