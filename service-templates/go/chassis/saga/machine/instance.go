package machine

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"chassis/message"
)

// Status of a saga.
type Status string

// The first three are live, the others terminal.
const (
	Running      Status = "running"
	Compensating Status = "compensating"
	Stuck        Status = "stuck" // it waits for an operator
	Completed    Status = "completed"
	Compensated  Status = "compensated"
	Aborted      Status = "aborted"
)

// IsLive tells whether something can still happen to the saga.
func (s Status) IsLive() bool { return s == Running || s == Compensating || s == Stuck }

func (s Status) moves() bool { return s == Running || s == Compensating }

// RunStatus is that of a step in one direction, or of one of its parts.
type RunStatus string

// Pending waits to be sent (again).
const (
	Pending   RunStatus = "pending"
	Sent      RunStatus = "sent"
	Succeeded RunStatus = "succeeded"
	Failed    RunStatus = "failed"
	TimedOut  RunStatus = "timed_out"
	Skipped   RunStatus = "skipped"
)

// mayBeDone tells whether compensation must undo the part: what was sent and never answered counts as done.
func (s RunStatus) mayBeDone() bool { return s == Succeeded || s == Sent || s == TimedOut }

func (s RunStatus) isAnswered() bool { return s == Succeeded || s == Skipped }

// Direction of a step.
type Direction = message.Direction

// A step goes forward or is undone.
const (
	Forward    = message.Forward
	Compensate = message.Compensate
)

// Part is one command of a step: a step that fans out has one for each item.
type Part struct {
	CommandID uuid.UUID `json:"command"`
	Status    RunStatus `json:"status"`
	Event     string    `json:"event"`
	Payload   any       `json:"payload,omitempty"`
	Error     string    `json:"error"`
}

// Run is one step in one direction. DueAt is when to send it (again), or when to make its call.
type Run struct {
	Seq        int        `json:"seq"`
	Direction  Direction  `json:"direction"`
	Status     RunStatus  `json:"status"`
	Parts      []Part     `json:"parts"`
	Attempt    int        `json:"attempt"`
	DeadlineAt *time.Time `json:"deadline_at,omitempty"`
	DueAt      *time.Time `json:"due_at,omitempty"`
	SentAt     *time.Time `json:"sent_at,omitempty"`
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	Error      string     `json:"error"`
}

func (r Run) hasPart(status RunStatus) bool {
	return slices.ContainsFunc(r.Parts, func(part Part) bool { return part.Status == status })
}

func (r Run) isAnswered() bool {
	return !slices.ContainsFunc(r.Parts, func(part Part) bool { return !part.Status.isAnswered() })
}

// each is the run with its parts changed; the run itself stays as it was.
func (r Run) each(change func(Part) Part) Run {
	parts := make([]Part, len(r.Parts))
	for index, part := range r.Parts {
		parts[index] = change(part)
	}
	r.Parts = parts
	return r
}

func (r Run) with(index int, part Part) Run {
	r.Parts = slices.Clone(r.Parts)
	r.Parts[index] = part
	return r
}

// RunKey names a run within its saga.
type RunKey struct {
	Seq       int
	Direction Direction
}

// Runs of a saga.
type Runs map[RunKey]Run

// Sorted are the runs by number, of each step the compensation first.
func (r Runs) Sorted() []Run {
	var runs []Run
	for _, run := range r {
		runs = append(runs, run)
	}
	slices.SortFunc(runs, func(one, other Run) int {
		if one.Seq != other.Seq {
			return one.Seq - other.Seq
		}
		return len(other.Direction) - len(one.Direction)
	})
	return runs
}

// MarshalJSON writes the runs in order.
func (r Runs) MarshalJSON() ([]byte, error) { return json.Marshal(r.Sorted()) }

func (r Runs) goesBack() bool {
	for key := range r {
		if key.Direction == Compensate {
			return true
		}
	}
	return false
}

// State is that of a saga: orchestrated, or watched by its owner. Data maps names of messages to their payloads; of a
// watched saga it is its History.
type State struct {
	SagaID      uuid.UUID      `json:"saga_id"`
	Status      Status         `json:"status"`
	CurrentStep int            `json:"current_step"`
	PivotPassed bool           `json:"pivot_passed"`
	Data        map[string]any `json:"data"`
	Runs        Runs           `json:"runs"`
	StartedAt   time.Time      `json:"started_at"`
	DeadlineAt  time.Time      `json:"deadline_at"`
	NextTimerAt *time.Time     `json:"next_timer_at,omitempty"`
	StuckReason string         `json:"stuck_reason"`
	FinishedAt  *time.Time     `json:"finished_at,omitempty"`
}

// Equal tells whether two states say the same.
func (s State) Equal(other State) bool {
	one, errOne := json.Marshal(s)
	two, errTwo := json.Marshal(other)
	return errOne == nil && errTwo == nil && bytes.Equal(one, two)
}

// OperationName is one of the four manual interventions.
type OperationName string

// Manual interventions.
const (
	Retry          OperationName = "retry"
	Skip           OperationName = "skip"
	CompensateSaga OperationName = "compensate"
	Abort          OperationName = "abort"
)

// Outcome of a command, as a reply says it.
type Outcome string

// Outcomes. Expired: the command came too late and was not begun.
const (
	OutcomeSucceeded Outcome = "succeeded"
	OutcomeFailed    Outcome = "failed"
	OutcomeExpired   Outcome = "expired"
)

// Input is what can happen to a saga: Reply, Unanswered, TimerDue or Operation to an orchestrated one; Seen, Notice,
// TimerDue or Operation to a watched one.
type Input interface{ isInput() }

// Reply: a participant answered, over the bus or to a call.
type Reply struct {
	CommandID uuid.UUID
	Outcome   Outcome
	Event     string
	Payload   any
	Error     string
	Retryable bool
}

// Unanswered: a call came back without an answer; nobody knows whether the peer did what it was asked.
type Unanswered struct{ CommandID uuid.UUID }

// TimerDue: NextTimerAt has passed.
type TimerDue struct{}

// Operation is a manual intervention.
type Operation struct {
	Name  OperationName
	Force bool
}

func (Reply) isInput()      {}
func (Unanswered) isInput() {}
func (TimerDue) isInput()   {}
func (Operation) isInput()  {}

// OperationRefused says why an operation does not fit the saga as it stands.
type OperationRefused struct{ Reason string }

func (e OperationRefused) Error() string { return e.Reason }

// Effect is what must be done with the next state, in the same transaction: SendCommand, CallPeer, Late, Became, Announce.
type Effect interface{ isEffect() }

// SendCommand sends the command of one part. Complete is false when inputs are missing that only the participant knows.
type SendCommand struct {
	Seq       int
	Direction Direction
	CommandID uuid.UUID
	Index     int // from 1
	Total     int
	Inputs    map[string]any
	Complete  bool
	ExpiresAt *time.Time
}

// CallPeer asks the peer now, by a synchronous request, until it is answered or the step's time is over.
type CallPeer struct {
	Seq       int
	CommandID uuid.UUID
	Index     int
	Total     int
	Inputs    map[string]any
}

// Late is a reply that changes nothing: to a command that is closed or unknown.
type Late struct {
	CommandID uuid.UUID
	Outcome   string
}

// Became: the saga has another status.
type Became struct {
	Status Status
	Reason string
}

// Announce tells the participants of a choreography; Type is that of a notice.
type Announce struct {
	Type   string
	Step   string
	Reason string
	Force  bool
}

func (SendCommand) isEffect() {}
func (CallPeer) isEffect()    {}
func (Late) isEffect()        {}
func (Became) isEffect()      {}
func (Announce) isEffect()    {}

// Decision is the next state and what must be done with it, in one transaction.
type Decision struct {
	State   State
	Effects []Effect
}

// NewID gives a fresh identifier.
type NewID func() uuid.UUID

func at(moment time.Time) *time.Time { return &moment }

func earliest(moments ...*time.Time) *time.Time {
	var found *time.Time
	for _, moment := range moments {
		if moment != nil && (found == nil || moment.Before(*found)) {
			found = moment
		}
	}
	return found
}
