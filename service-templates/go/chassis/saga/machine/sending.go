package machine

import "time"

type inputs struct {
	values   map[string]any
	complete bool
}

// sendAgain is the same step once more: new commands, and the same idempotency key on the way to the participant.
func (t *turn) sendAgain(run Run) {
	run = run.each(func(part Part) Part {
		if part.Status == Pending {
			part.CommandID = t.newID()
		}
		return part
	})
	run.Attempt++
	t.send(run)
}

// send sends the pending parts and waits for the answers; calls are left to the timer, which is due at once.
func (t *turn) send(run Run) {
	step, forward := t.flow.Step(run.Seq), run.Direction == Forward
	known := make([]inputs, len(run.Parts))
	for index := range run.Parts {
		values, complete, err := t.inputs(run, index)
		if err != nil {
			t.fail(run, "unbound: "+err.Error(), false)
			return
		}
		known[index] = inputs{values, complete}
	}
	if forward {
		t.state.Data[step.Name] = allInputs(known, step.ForEach != nil)
	}
	calls := step.Call && forward
	limit := *earliest(at(t.now.Add(seconds(step.Within))), &t.state.DeadlineAt)
	if !calls {
		t.command(run, known, limit)
	}
	run = run.each(func(part Part) Part {
		if part.Status == Pending {
			part.Status, part.Error = Sent, ""
		}
		return part
	})
	run.Status, run.DeadlineAt, run.DueAt, run.SentAt = Sent, &limit, nil, at(t.now)
	if calls {
		run.DueAt = at(t.now)
	}
	t.put(run)
}

func (t *turn) command(run Run, known []inputs, limit time.Time) {
	var expires *time.Time
	if run.Direction == Forward && run.Seq <= t.flow.TurningPoint() {
		expires = &limit
	}
	for index, part := range run.Parts {
		if part.Status == Pending {
			t.effects = append(t.effects, SendCommand{
				Seq: run.Seq, Direction: run.Direction, CommandID: part.CommandID, Index: index + 1, Total: len(run.Parts),
				Inputs: known[index].values, Complete: known[index].complete, ExpiresAt: expires,
			})
		}
	}
}

func (t *turn) inputs(run Run, index int) (values map[string]any, complete bool, err error) {
	step, current := t.flow.Step(run.Seq), alone
	if step.ForEach != nil {
		items, err := Items(*step.ForEach, t.state.Data)
		if err != nil {
			return nil, false, err
		}
		current = Within(items[index], index, len(items))
	}
	if run.Direction == Forward {
		values, err = Evaluate(step.Bindings, t.state.Data, current)
		return values, true, err
	}
	values, complete = EvaluateKnown(step.UndoBindings, t.state.Data, current)
	return values, complete, nil
}

// allInputs is what the data keeps of a step's inputs: a list where it fans out.
func allInputs(known []inputs, fansOut bool) any {
	if !fansOut {
		return known[0].values
	}
	list := make([]any, len(known))
	for index, one := range known {
		list[index] = one.values
	}
	return list
}
