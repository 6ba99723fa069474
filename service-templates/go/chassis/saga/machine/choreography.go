package machine

import "chassis/definition"

// ActionKind is what a participant does with a step.
type ActionKind string

const (
	// RunForward: carry out the step's command with each of the inputs: all or, when one is refused, nothing. None at all
	// when it fans out over nothing: then a notice must tell the others that it is skipped.
	RunForward ActionKind = "forward"
	// RunUndo: undo the step, with each of the inputs.
	RunUndo ActionKind = "undo"
	// Close: nothing to undo; see that the step cannot run any more, and say that it is undone.
	Close ActionKind = "close"
)

// Action is what a participant must do now.
type Action struct {
	Kind   ActionKind
	Step   definition.SagaStep
	Inputs []map[string]any
}

// Due is what the service has to do next, if anything; one action at a time, undoing before doing.
//
// A step runs when the step before it is seen and all its inputs are known. A step is undone when the refusal of a later
// step reaches it with nothing undoable in between, or when the next undoable step is undone. When the owner declares the
// saga overdue, the participant of the turning point speaks first: it closes its step, unless that has run, and then every
// step before it is undone or closed in strict reverse order. So a saga is never compensated behind its pivot.
func Due(flow *Flow, service string, history History) (Action, bool) {
	if history.Aborted {
		return Action{}, false
	}
	for seq := flow.Len(); seq > 0; seq-- {
		if flow.Step(seq).Service == service {
			if action, due := backward(flow, seq, history); due {
				return action, true
			}
		}
	}
	for seq := 1; seq <= flow.Len(); seq++ {
		if flow.Step(seq).Service == service {
			if action, due := forward(flow, seq, history); due {
				return action, true
			}
		}
	}
	return Action{}, false
}

// mayRun tells whether the step's forward run is still wanted: a late one is dropped.
func mayRun(flow *Flow, seq int, history History) bool {
	step := flow.Step(seq).Name
	over := history.isDone(step) || history.isRefused(step) || history.isUndone(step)
	return !(over || history.Aborted || givenUp(flow, seq, history) || isUndoDue(flow, seq, history))
}

// isUndoDue tells whether the time to undo (or close) the step has come.
func isUndoDue(flow *Flow, seq int, history History) bool {
	follower := flow.undoableAfter(seq)
	last := follower
	if last == 0 {
		last = flow.TurningPoint()
	}
	for later := seq + 1; later <= last; later++ {
		if history.isRefused(flow.Step(later).Name) {
			return true
		}
	}
	if follower != 0 && history.isUndone(flow.Step(follower).Name) {
		return true
	}
	return history.Overdue && overdueReaches(flow, seq, history)
}

// overdueReaches goes step by step backwards from the last one that could still have run.
func overdueReaches(flow *Flow, seq int, history History) bool {
	last := flow.TurningPoint()
	if history.Forced {
		last = flow.Len()
	}
	if seq == last {
		return history.Forced || !history.isDone(flow.Step(seq).Name)
	}
	return seq < last && history.isUndone(flow.Step(seq+1).Name)
}

// givenUp: overdue, nothing new is begun up to the turning point; behind it everything, unless it is to be undone.
func givenUp(flow *Flow, seq int, history History) bool {
	return history.Overdue && (history.Forced || seq <= flow.TurningPoint())
}

func forward(flow *Flow, seq int, history History) (Action, bool) {
	if seq == 1 || !history.isDone(flow.Step(seq-1).Name) || !mayRun(flow, seq, history) {
		return Action{}, false
	}
	step := flow.Step(seq)
	inputs, err := forwardInputs(step, history.data(flow))
	if err != nil { // the message that carries it is still on its way
		return Action{}, false
	}
	return Action{RunForward, step, inputs}, true
}

func forwardInputs(step definition.SagaStep, data map[string]any) ([]map[string]any, error) {
	if step.ForEach == nil {
		one, err := Evaluate(step.Bindings, data, alone)
		return []map[string]any{one}, err
	}
	items, err := Items(*step.ForEach, data)
	if err != nil {
		return nil, err
	}
	all := []map[string]any{}
	for index, item := range items {
		one, err := Evaluate(step.Bindings, data, Within(item, index, len(items)))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func backward(flow *Flow, seq int, history History) (Action, bool) {
	step := flow.Step(seq)
	if history.isUndone(step.Name) || history.isRefused(step.Name) || !isUndoDue(flow, seq, history) {
		return Action{}, false
	}
	if step.Undo == "" && !history.Overdue {
		return Action{}, false // a refusal passes by what has no undo; only an overdue saga goes back step by step
	}
	if !history.hasRun(step.Name) || step.Undo == "" {
		return Action{Kind: Close, Step: step}, true
	}
	return Action{RunUndo, step, undoInputs(step, history.data(flow))}, true
}

// undoInputs: what the step took and emitted is known where it ran. Should the facts ask for more, the command says so.
func undoInputs(step definition.SagaStep, data map[string]any) []map[string]any {
	if step.ForEach == nil {
		one, _ := EvaluateKnown(step.UndoBindings, data, alone)
		return []map[string]any{one}
	}
	items, err := Items(*step.ForEach, data)
	if err != nil { // it ran over them, so they are known
		return []map[string]any{}
	}
	all := []map[string]any{}
	for index, item := range items {
		one, _ := EvaluateKnown(step.UndoBindings, data, Within(item, index, len(items)))
		all = append(all, one)
	}
	return all
}
