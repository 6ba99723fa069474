package machine

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"chassis/rules"
)

const (
	tries = 3
	// callAgain is after how long a call that left no trace is made again; longer than a peer's client may take with its
	// retries.
	callAgain      = 15 * time.Second
	callPauseLeast = 500 * time.Millisecond
	callPauseMost  = 10 * time.Second
	backoffBase    = 500 // milliseconds
	backoffCap     = 30_000
)

// Begin is the saga whose first command has just succeeded.
//
// Forward it goes step by step; a failure before the pivot turns it round, and it undoes in strict reverse order what was
// or may have been done; behind the pivot it only goes forward. Whatever it cannot end in time is stuck and waits for an
// operator. A pivot that has no undo and was not answered is in doubt: the saga asks on and never turns round.
func Begin(flow *Flow, sagaID uuid.UUID, given, event map[string]any, now time.Time, newID NewID) Decision {
	first := flow.Step(1)
	done := Run{
		Seq: 1, Direction: Forward, Status: Succeeded, Attempt: 1, SentAt: at(now), EndedAt: at(now),
		Parts: []Part{{CommandID: newID(), Status: Succeeded, Event: first.SucceedsWith}},
	}
	state := State{
		SagaID: sagaID, Status: Running, CurrentStep: 1,
		Data:      map[string]any{first.Name: given, first.SucceedsWith: event},
		Runs:      Runs{{1, Forward}: done},
		StartedAt: now, DeadlineAt: now.Add(flow.timeout()),
	}
	turn := newTurn(flow, state, now, newID)
	turn.leave(done)
	return turn.decision()
}

// Decide is the next state of an orchestrated saga and its effects; OperationRefused for an operation that does not fit.
func Decide(flow *Flow, state State, given Input, now time.Time, newID NewID) (Decision, error) {
	turn := newTurn(flow, state, now, newID)
	switch given := given.(type) {
	case Reply:
		turn.reply(given)
	case Unanswered:
		turn.unanswered(given)
	case TimerDue:
		turn.timer()
	case Operation:
		if err := turn.operate(given); err != nil {
			return Decision{}, err
		}
	}
	return turn.decision(), nil
}

// backoff is how long to wait before the next try; the chance is taken from a fresh identifier.
func backoff(attempt int, chance uuid.UUID) time.Duration {
	choose := rules.Drawn(int64(binary.BigEndian.Uint16(chance[14:])))
	return time.Duration(rules.EqualJitter(attempt, backoffBase, backoffCap, choose)) * time.Millisecond
}

func (t *turn) reply(given Reply) {
	run, index, asked := t.asked(given.CommandID)
	if !asked {
		t.effects = append(t.effects, Late{given.CommandID, string(given.Outcome)})
		return
	}
	part := run.Parts[index]
	part.Event, part.Payload, part.Error = given.Event, given.Payload, given.Error
	switch {
	case given.Outcome == OutcomeSucceeded:
		part.Status = Succeeded
		t.answered(run.with(index, part))
	case given.Retryable || given.Outcome == OutcomeExpired || t.insists(run):
		part.Status, part.Event, part.Payload = Pending, "", nil
		part.Error = firstOf(given.Error, given.Event, string(given.Outcome))
		t.answered(run.with(index, part))
	default:
		part.Status = Failed
		t.fail(run.with(index, part), firstOf(given.Event, given.Error, "failed"), false)
	}
}

// unanswered calls again soon: the longer it has been tried, the longer the pause.
func (t *turn) unanswered(given Unanswered) {
	run, _, asked := t.asked(given.CommandID)
	if asked && run.SentAt != nil {
		pause := min(callPauseMost, max(callPauseLeast, t.now.Sub(*run.SentAt)))
		run.DueAt = at(t.now.Add(pause))
		t.put(run)
	}
}

// asked is the open run and the part of it that the command belongs to.
func (t *turn) asked(commandID uuid.UUID) (run Run, index int, asked bool) {
	run, open := t.openRun()
	if !open || !t.state.Status.moves() {
		return Run{}, 0, false
	}
	for index, part := range run.Parts {
		if part.CommandID == commandID && part.Status == Sent {
			return run, index, true
		}
	}
	return Run{}, 0, false
}

// answered goes on when no part is out any more.
func (t *turn) answered(run Run) {
	t.put(run)
	switch {
	case run.hasPart(Sent):
	case run.isAnswered():
		t.close(run)
	case t.mayTryAgain(run):
		run.Status, run.DueAt, run.DeadlineAt = Pending, at(t.now.Add(backoff(run.Attempt, t.newID()))), nil
		t.put(run)
	default:
		for _, part := range run.Parts {
			if part.Status == Pending {
				t.fail(run, part.Error, false)
				return
			}
		}
	}
}

func (t *turn) mayTryAgain(run Run) bool {
	return run.Direction == Compensate || t.insists(run) || run.Attempt < tries
}

func (t *turn) timer() {
	run, open := t.openRun()
	switch {
	case !t.state.Status.moves():
	case t.mayTurnRound() && !t.now.Before(t.budgetAt()):
		if open {
			t.fail(run, "timeout", true)
		} else {
			t.turnRound("timeout", "no time left to go forward")
		}
	case !t.now.Before(t.state.DeadlineAt):
		t.stick(t.describe() + ": the saga's time is over")
	case open:
		t.runTimer(run)
	}
}

func (t *turn) runTimer(run Run) {
	switch {
	case isPast(run.DeadlineAt, t.now) && (t.mayTryAgain(run) || t.inDoubt(run)):
		t.sendAgain(run.each(func(part Part) Part { // what was answered stays
			if part.Status == Sent {
				part.Status, part.Error = Pending, "timeout"
			}
			return part
		}))
	case isPast(run.DeadlineAt, t.now):
		t.fail(run, "timeout", true)
	case isPast(run.DueAt, t.now) && run.Status == Pending:
		t.sendAgain(run)
	case isPast(run.DueAt, t.now):
		t.call(run)
	}
}

func isPast(moment *time.Time, now time.Time) bool { return moment != nil && !now.Before(*moment) }

// call makes the calls that are not answered; should this process die over them, the timer makes them again.
func (t *turn) call(run Run) {
	step := t.flow.Step(run.Seq)
	given := t.state.Data[step.Name]
	for index, part := range run.Parts {
		if part.Status != Sent {
			continue
		}
		one := given
		if list, isList := given.([]any); isList && step.ForEach != nil {
			one = list[index]
		}
		values, _ := one.(map[string]any)
		t.effects = append(t.effects, CallPeer{
			Seq: run.Seq, CommandID: part.CommandID, Index: index + 1, Total: len(run.Parts), Inputs: values,
		})
	}
	run.DueAt = at(t.now.Add(callAgain))
	t.put(run)
}

func (t *turn) operate(given Operation) error {
	backwards := t.isCompensating()
	atPivot, passed := t.state.CurrentStep == t.flow.pivot, t.state.PivotPassed || t.wasInDoubt()
	if reason := refusal(given, t.state.Status, backwards, atPivot, passed); reason != "" {
		return OperationRefused{reason}
	}
	if given.Name == Abort {
		t.end(Aborted)
		return nil
	}
	if t.state.Status == Stuck {
		t.unstick(backwards)
	}
	switch {
	case given.Name == Skip:
		t.skip()
	case given.Name == CompensateSaga && !backwards:
		t.turnRound("operator", "asked for by an operator")
	default:
		t.tryAfresh()
	}
	return nil
}

// wasInDoubt: the pivot was given up without an answer.
func (t *turn) wasInDoubt() bool {
	run, known := t.state.Runs[RunKey{t.flow.pivot, Forward}]
	return known && (run.hasPart(Sent) || run.hasPart(TimedOut)) && t.flow.Step(t.flow.pivot).Undo == ""
}

// unstick: live again, with the whole time.
func (t *turn) unstick(backwards bool) {
	t.state.Status, t.state.StuckReason = Running, ""
	if backwards {
		t.state.Status = Compensating
	}
	t.state.DeadlineAt = t.now.Add(t.flow.timeout())
}

func (t *turn) skip() {
	run := t.state.Runs[RunKey{t.state.CurrentStep, t.direction()}]
	run = run.each(func(part Part) Part {
		if part.Status != Succeeded {
			part.Status = Skipped
		}
		return part
	})
	t.leave(t.endRun(run, Skipped))
}

// tryAfresh is the current run once more, with all its tries.
func (t *turn) tryAfresh() {
	run := t.state.Runs[RunKey{t.state.CurrentStep, t.direction()}]
	run = run.each(func(part Part) Part {
		if !part.Status.isAnswered() {
			part.Status = Pending
		}
		return part
	})
	run.Attempt, run.EndedAt, run.Error = 0, nil, ""
	t.sendAgain(run)
}
