package machine

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"chassis/definition"
)

// compensationShare is the last part of a saga's timeout, which is kept for compensation; going forward may use the rest.
const compensationShare = 0.2

// Kinds of steps, and modes of sagas.
const (
	Pivot         = "pivot"
	Retriable     = "retriable"
	Orchestration = "orchestration"
	Choreography  = "choreography"
)

// Flow is a saga's facts with the questions that all decisions ask. Steps count from 1.
type Flow struct {
	Saga    definition.Saga
	numbers map[string]int
	pivot   int
}

// NewFlow reads the facts of one saga.
func NewFlow(saga definition.Saga) *Flow {
	flow := &Flow{Saga: saga, numbers: map[string]int{}}
	for index, step := range saga.Steps {
		flow.numbers[step.Name] = index + 1
		if step.Kind == Pivot && flow.pivot == 0 {
			flow.pivot = index + 1
		}
	}
	return flow
}

// Name is the saga's type on the wire.
func (f *Flow) Name() string { return f.Saga.Name.Text }

// Len is the number of steps.
func (f *Flow) Len() int { return len(f.Saga.Steps) }

// Step is the step with that number.
func (f *Flow) Step(seq int) definition.SagaStep { return f.Saga.Steps[seq-1] }

// Seq is the number of a step, 0 for a name this version of the saga does not know.
func (f *Flow) Seq(name string) int { return f.numbers[name] }

// PivotSeq is the number of the pivot, 0 where there is none.
func (f *Flow) PivotSeq() int { return f.pivot }

// TurningPoint is the last step that may still fail for good: the pivot, or the last step of a saga without one.
func (f *Flow) TurningPoint() int {
	if f.pivot != 0 {
		return f.pivot
	}
	return f.Len()
}

// undoableAfter is the next later step up to the turning point that has an undo, 0 where there is none.
func (f *Flow) undoableAfter(seq int) int {
	for later := seq + 1; later <= f.TurningPoint(); later++ {
		if f.Step(later).Undo != "" {
			return later
		}
	}
	return 0
}

// undoableBefore are the earlier steps that have an undo, the nearest first.
func (f *Flow) undoableBefore(seq int) []int {
	var found []int
	for earlier := seq - 1; earlier > 0; earlier-- {
		if f.Step(earlier).Undo != "" {
			found = append(found, earlier)
		}
	}
	return found
}

func (f *Flow) timeout() time.Duration { return seconds(f.Saga.Timeout) }

func (f *Flow) reserve() time.Duration { return seconds(f.Saga.Timeout * compensationShare) }

// seconds is a duration to the microsecond, as the database keeps it; halves go to the even neighbour.
func seconds(number float64) time.Duration {
	whole, fraction := math.Modf(number)
	return time.Duration(whole)*time.Second + time.Duration(math.RoundToEven(fraction*1e6))*time.Microsecond
}

// PartText is 2/3, as the header of a part says it.
func PartText(index, total int) string { return fmt.Sprintf("%d/%d", index, total) }

// ReadPart is index and total of such a header; a message without one is the only part.
func ReadPart(text string) (index, total int) {
	before, after, _ := strings.Cut(text, "/")
	first, errFirst := strconv.ParseUint(before, 10, 31)
	second, errSecond := strconv.ParseUint(after, 10, 31)
	if errFirst != nil || errSecond != nil {
		return 1, 1
	}
	return int(first), int(second)
}
