package machine

import (
	"fmt"
	"maps"
	"time"
)

// turn is one decision of an orchestrated saga in the making: the moves that orchestration is composed of.
type turn struct {
	flow    *Flow
	state   State
	now     time.Time
	newID   NewID
	effects []Effect
}

func newTurn(flow *Flow, state State, now time.Time, newID NewID) *turn {
	state.Runs, state.Data = maps.Clone(state.Runs), maps.Clone(state.Data)
	return &turn{flow: flow, state: state, now: now, newID: newID}
}

func (t *turn) decision() Decision {
	t.state.NextTimerAt = t.nextTimer()
	return Decision{t.state, t.effects}
}

// -- questions

// openRun is the run the saga waits for, or waited for when it got stuck.
func (t *turn) openRun() (Run, bool) {
	run, known := t.state.Runs[RunKey{t.state.CurrentStep, t.direction()}]
	return run, known && run.EndedAt == nil
}

func (t *turn) direction() Direction {
	if t.isCompensating() {
		return Compensate
	}
	return Forward
}

// isCompensating tells whether it goes, or went before it was stuck, backwards.
func (t *turn) isCompensating() bool {
	return t.state.Status == Compensating || t.state.Runs.goesBack()
}

// insists: behind the pivot every failure is tried again until the saga's time is over.
func (t *turn) insists(run Run) bool {
	return run.Direction == Forward && run.Seq > t.flow.TurningPoint()
}

// inDoubt: the pivot was sent, nobody knows whether it was carried out, and nothing could undo it.
func (t *turn) inDoubt(run Run) bool {
	return run.Direction == Forward && run.Seq == t.flow.pivot && t.flow.Step(run.Seq).Undo == "" && run.hasPart(Sent)
}

// mayTurnRound tells whether the saga may still be compensated by itself.
func (t *turn) mayTurnRound() bool {
	run, open := t.openRun()
	return t.state.Status == Running && !t.state.PivotPassed && !(open && t.inDoubt(run))
}

// budgetAt is when going forward must be over, so that there is time left to compensate.
func (t *turn) budgetAt() time.Time { return t.state.DeadlineAt.Add(-t.flow.reserve()) }

func (t *turn) nextTimer() *time.Time {
	if !t.state.Status.moves() {
		return nil
	}
	next := at(t.state.DeadlineAt)
	if t.mayTurnRound() {
		next = earliest(next, at(t.budgetAt()))
	}
	if run, open := t.openRun(); open {
		next = earliest(next, run.DeadlineAt, run.DueAt)
	}
	return next
}

// describe is the run in words.
func (t *turn) describe() string {
	run, open := t.openRun()
	if !open {
		return fmt.Sprintf("step %d", t.state.CurrentStep)
	}
	return t.name(run)
}

func (t *turn) name(run Run) string {
	if run.Direction == Forward {
		return t.flow.Step(run.Seq).Name
	}
	return t.flow.Step(run.Seq).Undo
}

// -- moves

func (t *turn) put(run Run) Run {
	t.state.Runs[RunKey{run.Seq, run.Direction}] = run
	return run
}

// goForward opens the step, passing over those that fan out over nothing; behind the last one the saga is completed.
func (t *turn) goForward(seq int) {
	for ; seq <= t.flow.Len(); seq++ {
		step := t.flow.Step(seq)
		t.state.CurrentStep = seq
		total := 1
		if step.ForEach != nil {
			items, err := Items(*step.ForEach, t.state.Data)
			if err != nil {
				t.fail(t.newRun(seq, Forward, Pending), "unbound: "+err.Error(), false)
				return
			}
			total = len(items)
		}
		statuses := make([]RunStatus, total)
		for index := range statuses {
			statuses[index] = Pending
		}
		run := t.newRun(seq, Forward, statuses...)
		if total > 0 {
			t.send(run)
			return
		}
		t.state.Data[step.SucceedsWith] = []any{}
		t.endRun(run, Succeeded)
		t.pass(seq)
	}
	t.end(Completed)
}

// goBack undoes the nearest step, from seq down, that was or may have been done; with none left it is compensated.
func (t *turn) goBack(seq int) {
	for number := seq; number > 0; number-- {
		done, known := t.state.Runs[RunKey{number, Forward}]
		if !known || t.flow.Step(number).Undo == "" {
			continue
		}
		statuses, open := make([]RunStatus, len(done.Parts)), false
		for index, part := range done.Parts {
			statuses[index] = Skipped
			if part.Status.mayBeDone() {
				statuses[index], open = Pending, true
			}
		}
		if open {
			t.state.CurrentStep = number
			t.send(t.newRun(number, Compensate, statuses...))
			return
		}
	}
	t.end(Compensated)
}

// turnRound compensates from the current step. The time reserved for it is granted even to a saga that was slept over.
func (t *turn) turnRound(rejection, reason string) {
	t.state.Data[Rejection] = rejection
	if least := t.now.Add(t.flow.reserve()); least.After(t.state.DeadlineAt) {
		t.state.DeadlineAt = least
	}
	t.state.Status = Compensating
	t.effects = append(t.effects, Became{Compensating, reason})
	t.goBack(t.state.CurrentStep)
}

// close: all parts succeeded; keep what was answered and go on.
func (t *turn) close(run Run) {
	t.endRun(run, Succeeded)
	step := t.flow.Step(run.Seq)
	event := step.SucceedsWith
	if run.Direction == Compensate {
		event = step.UndoneWith
	}
	if payloads, all := payloadsOf(run); event != "" && all {
		t.state.Data[event] = payloads
		if step.ForEach == nil {
			t.state.Data[event] = payloads[0]
		}
	}
	t.leave(run)
}

func payloadsOf(run Run) (payloads []any, all bool) {
	payloads = []any{}
	for _, part := range run.Parts {
		if part.Payload == nil {
			return nil, false
		}
		payloads = append(payloads, part.Payload)
	}
	return payloads, true
}

// leave goes on from a run that is over, its way.
func (t *turn) leave(run Run) {
	if run.Direction == Compensate {
		t.goBack(run.Seq - 1)
		return
	}
	t.pass(run.Seq)
	t.goForward(run.Seq + 1)
}

// fail: the run is over without success. Parts that were not answered stay unknown, and count as done.
func (t *turn) fail(run Run, rejection string, timedOut bool) {
	status := Failed
	if timedOut {
		status = TimedOut
	}
	problem := ""
	run = run.each(func(part Part) Part {
		switch {
		case part.Status == Pending:
			part.Status = Failed
		case part.Status == Sent && timedOut:
			part.Status = TimedOut
		}
		return part
	})
	for _, part := range run.Parts {
		if part.Status == Failed {
			problem = firstOf(part.Error, part.Event)
			break
		}
	}
	run.Error = firstOf(problem, rejection)
	run = t.endRun(run, status)
	if run.Direction == Compensate || run.Seq > t.flow.TurningPoint() {
		t.stick(fmt.Sprintf("%s: %s", t.name(run), run.Error))
	} else {
		t.turnRound(rejection, run.Error)
	}
}

// stick waits for an operator. The open command is closed: what comes now comes too late.
func (t *turn) stick(reason string) {
	if run, open := t.openRun(); open {
		t.endRun(run.each(func(part Part) Part {
			if part.Status == Sent {
				part.Status = TimedOut
			}
			return part
		}), TimedOut)
	}
	t.state.Status, t.state.StuckReason = Stuck, reason
	t.effects = append(t.effects, Became{Stuck, reason})
}

// end: nothing more will happen.
func (t *turn) end(status Status) {
	t.state.Status, t.state.FinishedAt, t.state.StuckReason = status, at(t.now), ""
	t.effects = append(t.effects, Became{Status: status})
}

func (t *turn) newRun(seq int, direction Direction, statuses ...RunStatus) Run {
	parts := make([]Part, len(statuses))
	for index, status := range statuses {
		parts[index] = Part{CommandID: t.newID(), Status: status}
	}
	return Run{Seq: seq, Direction: direction, Status: Pending, Parts: parts, Attempt: 1}
}

func (t *turn) endRun(run Run, status RunStatus) Run {
	run.Status, run.EndedAt, run.DeadlineAt, run.DueAt = status, at(t.now), nil, nil
	return t.put(run)
}

func (t *turn) pass(seq int) {
	if seq == t.flow.pivot {
		t.state.PivotPassed = true
	}
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
