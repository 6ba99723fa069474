package replay

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"chassis/definition"
	"chassis/saga/machine"
)

// flow of a trace: a saga's facts, its times in milliseconds.
func flow(config json.RawMessage) (*machine.Flow, error) {
	written, err := read[struct{ Flow definition.Saga }](config)
	saga := written.Flow
	saga.Timeout /= 1000
	for index := range saga.Steps {
		saga.Steps[index].Within /= 1000
	}
	return machine.NewFlow(saga), err
}

func moment(millis int64) time.Time { return time.UnixMilli(millis).UTC() }

// millis of a moment. A decision that is finer than a trace is shown as it is, so that it disagrees.
func millis(moment *time.Time) any {
	if moment == nil {
		return nil
	}
	if micros := moment.UnixMicro(); micros%1000 != 0 {
		return float64(micros) / 1000
	}
	return moment.UnixMilli()
}

// conducted replays one orchestrated saga. Commands are numbered in the order in which their parts are first seen sent.
type conducted struct {
	flow    *machine.Flow
	state   machine.State
	numbers map[uuid.UUID]int
	ids     []uuid.UUID // by number - 1
	made    uint64      // identifiers so far
	chance  int64       // that the next identifiers carry
}

func orchestration(config json.RawMessage) (decider, error) {
	flow, err := flow(config)
	return &conducted{flow: flow, numbers: map[uuid.UUID]int{}}, err
}

func (c *conducted) newID() uuid.UUID {
	c.made++
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], c.made)
	binary.BigEndian.PutUint16(id[14:], uint16(c.chance))
	return id
}

func (c *conducted) decide(_ json.RawMessage, kind string, fields json.RawMessage, now int64) (any, []effect, error) {
	if kind == "begin" {
		given, err := read[struct{ Inputs, Event map[string]any }](fields)
		return c.took(machine.Begin(c.flow, uuid.UUID{}, given.Inputs, given.Event, moment(now), c.newID), err)
	}
	given, err := c.input(kind, fields)
	if err != nil {
		return nil, nil, err
	}
	return c.took(machine.Decide(c.flow, c.state, given, moment(now), c.newID))
}

func (c *conducted) input(kind string, fields json.RawMessage) (machine.Input, error) {
	given, err := read[struct {
		Command   int
		Outcome   machine.Outcome
		Event     string
		Payload   any
		Error     string
		Retryable bool
		Chance    int64
		Name      machine.OperationName
		Force     bool
	}](fields)
	if err != nil {
		return nil, err
	}
	command := uuid.Max // one that nobody knows
	if given.Command > 0 && given.Command <= len(c.ids) {
		command = c.ids[given.Command-1]
	}
	c.chance = given.Chance
	switch kind {
	case "reply":
		return machine.Reply{
			CommandID: command, Outcome: given.Outcome, Event: given.Event, Payload: given.Payload, Error: given.Error,
			Retryable: given.Retryable,
		}, nil
	case "unanswered":
		return machine.Unanswered{CommandID: command}, nil
	case "timer":
		return machine.TimerDue{}, nil
	case "operate":
		return machine.Operation{Name: given.Name, Force: given.Force}, nil
	}
	return nil, Unknown{kind}
}

// took is what a decision shows; an operation that was refused changes nothing.
func (c *conducted) took(decision machine.Decision, err error) (any, []effect, error) {
	if refused := (machine.OperationRefused{}); errors.As(err, &refused) {
		return c.shown(), []effect{{"refused": struct{}{}}}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	c.state = decision.State
	for _, run := range runsInOrder(c.state.Runs) {
		for _, part := range run.Parts {
			if part.Status == machine.Sent && c.numbers[part.CommandID] == 0 {
				c.ids = append(c.ids, part.CommandID)
				c.numbers[part.CommandID] = len(c.ids)
			}
		}
	}
	effects := []effect{}
	for _, one := range decision.Effects {
		effects = append(effects, c.effect(one))
	}
	return c.shown(), effects, nil
}

// runsInOrder by step, forward before compensate.
func runsInOrder(runs machine.Runs) []machine.Run {
	var found []machine.Run
	for seq := 1; len(found) < len(runs); seq++ {
		for _, direction := range []machine.Direction{machine.Forward, machine.Compensate} {
			if run, known := runs[machine.RunKey{Seq: seq, Direction: direction}]; known {
				found = append(found, run)
			}
		}
	}
	return found
}

func (c *conducted) effect(one machine.Effect) effect {
	switch one := one.(type) {
	case machine.SendCommand:
		return effect{"send": map[string]any{
			"step": one.Seq, "direction": one.Direction, "command": c.numbers[one.CommandID], "part": one.Index,
			"parts": one.Total, "inputs": one.Inputs, "complete": one.Complete, "expires": millis(one.ExpiresAt),
		}}
	case machine.CallPeer:
		return effect{"call": map[string]any{
			"step": one.Seq, "command": c.numbers[one.CommandID], "part": one.Index, "parts": one.Total, "inputs": one.Inputs,
		}}
	case machine.Late:
		return effect{"late": map[string]any{"command": c.numbers[one.CommandID]}}
	case machine.Became:
		return effect{"became": one.Status}
	}
	return effect{}
}

func (c *conducted) shown() any {
	runs := []any{}
	for _, run := range runsInOrder(c.state.Runs) {
		parts := []any{}
		for _, part := range run.Parts {
			var command any
			if part.Status == machine.Sent {
				command = c.numbers[part.CommandID]
			}
			parts = append(parts, map[string]any{"status": part.Status, "command": command})
		}
		runs = append(runs, map[string]any{
			"step": run.Seq, "direction": run.Direction, "status": run.Status, "attempt": run.Attempt,
			"deadline": millis(run.DeadlineAt), "due": millis(run.DueAt), "parts": parts,
		})
	}
	return stateShown(c.state, runs)
}

func stateShown(state machine.State, runs []any) map[string]any {
	return map[string]any{
		"status": state.Status, "step": state.CurrentStep, "pivot_passed": state.PivotPassed,
		"deadline": millis(&state.DeadlineAt), "timer": millis(state.NextTimerAt), "finished": millis(state.FinishedAt),
		"runs": runs,
	}
}
