package replay

import (
	"encoding/json"

	"chassis/saga/machine"
)

const closed = "closed"

type barrierState struct {
	Forward    *string `json:"forward"`
	Compensate *string `json:"compensate"`
}

func (s barrierState) of(direction machine.Direction) *string {
	if direction == machine.Forward {
		return s.Forward
	}
	return s.Compensate
}

func (s barrierState) with(direction machine.Direction, kept string) barrierState {
	if direction == machine.Forward {
		s.Forward = &kept
	} else {
		s.Compensate = &kept
	}
	return s
}

// outcome that was kept under a key; empty for one that is free or only closed.
func outcome(kept *string) machine.Outcome {
	if kept == nil || *kept == closed {
		return ""
	}
	return machine.Outcome(*kept)
}

func barrier(config json.RawMessage) (decider, error) {
	step, err := read[struct{ Kind string }](config)
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		before, err := read[barrierState](state)
		if err != nil {
			return nil, nil, err
		}
		given, err := read[struct {
			Direction machine.Direction
			Expired   bool
			Result    string
		}](fields)
		if err != nil || kind != "command" {
			return nil, nil, first(err, Unknown{kind})
		}
		own := before.of(given.Direction)
		gate := machine.Gate{
			Direction: given.Direction, Kept: outcome(own), Expired: given.Expired, Closed: own != nil && *own == closed,
			NeverRan: before.Forward == nil, Forward: outcome(before.Forward),
		}
		switch gate.Admit() {
		case machine.Repeat:
			return before, []effect{replied(gate.Kept, false)}, nil
		case machine.Expire:
			return before, []effect{replied(machine.OutcomeExpired, true)}, nil
		case machine.Refuse:
			return before, []effect{replied(machine.OutcomeFailed, false)}, nil
		case machine.Nothing:
			if gate.NeverRan {
				before = before.with(machine.Forward, closed)
			}
			return before.with(machine.Compensate, "succeeded"), []effect{replied(machine.OutcomeSucceeded, false)}, nil
		}
		next, reply := carriedOut(before, step.Kind, given.Direction, given.Result)
		return next, []effect{{"act": struct{}{}}, reply}, nil
	}), err
}

func carriedOut(before barrierState, kind string, direction machine.Direction, result string) (barrierState, effect) {
	switch {
	case result == "succeeded", result == "needless":
		return before.with(direction, "succeeded"), replied(machine.OutcomeSucceeded, false)
	case result == "rejected" && !machine.MustSucceed(kind, direction):
		return before.with(direction, "failed"), replied(machine.OutcomeFailed, false)
	}
	return before, replied(machine.OutcomeFailed, result != "error") // rolled back, with the barrier
}

func replied(outcome machine.Outcome, retryable bool) effect {
	return effect{"reply": map[string]any{"outcome": outcome, "retryable": retryable}}
}
