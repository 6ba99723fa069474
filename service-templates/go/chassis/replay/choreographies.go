package replay

import (
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"chassis/saga/machine"
)

// seenOrNoted is an event of a step, or a notice.
func seenOrNoted(kind string, fields json.RawMessage) (machine.Input, error) {
	given, err := read[struct {
		Step, Type   string
		Role         machine.Role
		Payload      any
		Index, Total int
		Force        bool
		History      map[string]any
	}](fields)
	switch kind {
	case "see":
		return machine.Seen{Step: given.Step, Role: given.Role, Payload: given.Payload, Index: given.Index, Total: given.Total}, err
	case "note":
		return machine.Notice{Type: given.Type, Step: given.Step, Force: given.Force, History: given.History}, err
	}
	return nil, first(err, Unknown{kind})
}

func choreography(config json.RawMessage) (decider, error) {
	written, err := read[struct{ Me string }](config)
	if err != nil {
		return nil, err
	}
	flow, err := flow(config)
	return stateless(func(state json.RawMessage, kind string, fields json.RawMessage, _ int64) (any, []effect, error) {
		known, err := read[map[string]any](state)
		if err != nil {
			return nil, nil, err
		}
		history := machine.HistoryOf(known)
		if kind == "did" {
			given, err := read[struct {
				Step   string
				Inputs any
			}](fields)
			if err != nil {
				return nil, nil, err
			}
			history = history.WithInputs(given.Step, given.Inputs)
		} else {
			given, err := seenOrNoted(kind, fields)
			if err != nil {
				return nil, nil, err
			}
			switch given := given.(type) {
			case machine.Seen:
				history = history.See(given)
			case machine.Notice:
				history = history.Note(given)
			}
		}
		action, due := machine.Due(flow, written.Me, history)
		if !due {
			return history.JSON(), nil, nil
		}
		return history.JSON(), []effect{actionShown(action)}, nil
	}), err
}

func actionShown(action machine.Action) effect {
	asked := map[string]any{"step": action.Step.Name}
	if action.Kind == machine.Close {
		return effect{"close": asked}
	}
	inputs := []any{}
	for _, one := range action.Inputs {
		inputs = append(inputs, one)
	}
	asked["inputs"] = inputs
	if action.Kind == machine.RunForward {
		return effect{"run": asked}
	}
	return effect{"undo": asked}
}

// watched replays one choreographed saga on its owner's side.
type watched struct {
	flow  *machine.Flow
	state machine.State
}

func fulfilment(config json.RawMessage) (decider, error) {
	flow, err := flow(config)
	return &watched{flow: flow}, err
}

func (w *watched) decide(_ json.RawMessage, kind string, fields json.RawMessage, now int64) (any, []effect, error) {
	var given machine.Input
	var err error
	switch kind {
	case "begin":
		begun, err := read[struct {
			Inputs map[string]any
			Event  any
		}](fields)
		return w.took(machine.Watch(w.flow, uuid.UUID{}, begun.Inputs, begun.Event, moment(now)), err)
	case "timer":
		given = machine.TimerDue{}
	case "operate":
		asked, failed := read[struct {
			Name  machine.OperationName
			Force bool
		}](fields)
		given, err = machine.Operation{Name: asked.Name, Force: asked.Force}, failed
	default:
		given, err = seenOrNoted(kind, fields)
	}
	if err != nil {
		return nil, nil, err
	}
	return w.took(machine.Observe(w.flow, w.state, given, moment(now)))
}

func (w *watched) took(decision machine.Decision, err error) (any, []effect, error) {
	if refused := (machine.OperationRefused{}); errors.As(err, &refused) {
		return w.shown(), []effect{{"refused": struct{}{}}}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	w.state = decision.State
	effects := []effect{}
	for _, one := range decision.Effects {
		switch one := one.(type) {
		case machine.Announce:
			effects = append(effects, effect{"announce": map[string]any{"type": one.Type, "step": one.Step, "force": one.Force}})
		case machine.Became:
			effects = append(effects, effect{"became": one.Status})
		case machine.Late:
			effects = append(effects, effect{"late": struct{}{}})
		}
	}
	return w.shown(), effects, nil
}

func (w *watched) shown() any {
	runs := []any{}
	for _, run := range runsInOrder(w.state.Runs) {
		runs = append(runs, map[string]any{
			"step": run.Seq, "direction": run.Direction, "status": run.Status, "deadline": millis(run.DeadlineAt),
		})
	}
	shown := stateShown(w.state, runs)
	shown["history"] = w.state.Data
	return shown
}
