package rules

import "slices"

// Limits of the relay's tries; milliseconds.
const (
	RelayBase     = 200
	RelayCap      = 30_000
	RelayAttempts = 10
)

// FailureKind says whose fault it is that a message was not acknowledged.
type FailureKind string

const (
	// BrokerFailure is nobody's fault: the message goes when the broker is back.
	BrokerFailure FailureKind = "broker"
	// MessageFailure may pass; it is tried again, within limits.
	MessageFailure FailureKind = "message"
	// FatalFailure means that the message will never be accepted as it is.
	FatalFailure FailureKind = "fatal"
)

// Failure is why a message was not acknowledged.
type Failure struct {
	Kind FailureKind
	Text string
}

// Sent is a message of the outbox that was handed to the broker. A nil failure is an acknowledgement.
type Sent struct {
	Position int64
	Topic    string
	Key      string
	Attempts int // that failed before
	Failure  *Failure
}

// Held is a message that is tried again after so many milliseconds; its key waits for it.
type Held struct {
	Position int64
	Delay    int64
	Error    string
}

// Dead is a message that is given up; its key waits for an operator.
type Dead struct {
	Position int64
	Error    string
}

// Settlement is what is to be done after a batch, by position in the outbox. BrokerFailed is empty unless the broker
// failed.
type Settlement struct {
	Acked        []int64
	Held         []Held
	Dead         []Dead
	BrokerFailed string
}

// Settle judges a batch that is in order of position.
//
// Of each key only the acknowledged messages before its first failure count: what was acknowledged behind a failed one is
// sent again after it. The failed one holds its key until it is due again. So of each topic and key the broker sees the
// messages in the order of their sequence, possibly again, never with one left out.
func Settle(batch []Sent, choose Choose) Settlement {
	type mark struct{ topic, key string }
	var settlement Settlement
	failed := map[mark]bool{}
	for _, sent := range batch {
		of := mark{sent.Topic, sent.Key}
		switch {
		case failed[of]:
		case sent.Failure == nil:
			settlement.Acked = append(settlement.Acked, sent.Position)
		default:
			failed[of] = true
			settlement.fail(sent, choose)
		}
	}
	return settlement
}

func (s *Settlement) fail(sent Sent, choose Choose) {
	switch {
	case sent.Failure.Kind == BrokerFailure:
		s.BrokerFailed = sent.Failure.Text
	case sent.Failure.Kind == FatalFailure || sent.Attempts+1 >= RelayAttempts:
		s.Dead = append(s.Dead, Dead{sent.Position, sent.Failure.Text})
	default:
		s.Held = append(s.Held, Held{sent.Position, RelayDelay(sent.Attempts+1, choose), sent.Failure.Text})
	}
}

// RelayDelay is how many milliseconds to wait after the attempt-th failure of a message or of the broker.
func RelayDelay(attempt int, choose Choose) int64 {
	return EqualJitter(attempt, RelayBase, RelayCap, choose)
}

// FairShare is how many buckets each of so many living instances may hold.
func FairShare(instances int) int {
	instances = max(1, instances)
	return (Buckets + instances - 1) / instances
}

// Exchange is which buckets to try to take, and which to give up.
type Exchange struct {
	Take []int
	Give []int
}

// Rebalance moves towards the fair share. Counting from start lets instances try for different buckets first.
func Rebalance(mine, free []int, instances, start int) Exchange {
	share := FairShare(instances)
	turned := slices.SortedFunc(slices.Values(free), func(one, other int) int {
		return modulo(one-start) - modulo(other-start)
	})
	kept := slices.Sorted(slices.Values(mine))
	return Exchange{
		Take: turned[:min(len(turned), max(0, share-len(mine)))],
		Give: kept[min(len(kept), share):],
	}
}

func modulo(number int) int { return ((number % Buckets) + Buckets) % Buckets }

// Pauses of a relay that found no work; seconds.
const (
	PauseLeast = 0.005
	PauseMost  = 1.0
)

// NextPause is how many seconds to wait for work when the last look found none: twice as long as before, within bounds.
func NextPause(pause float64) float64 { return min(PauseMost, max(PauseLeast, pause*2)) }
