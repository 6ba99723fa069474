package machine

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Watch begins to follow the choreographed saga whose first step has just succeeded.
//
// The monitor keeps the same state as an orchestrated saga, whose data is the history and whose runs are expectations: a
// step is sent once the one before it has succeeded. It commands nobody; an operator may, through it.
func Watch(flow *Flow, sagaID uuid.UUID, inputs map[string]any, event any, now time.Time) Decision {
	first := flow.Step(1).Name
	history := History{}.WithInputs(first, inputs).See(Seen{Step: first, Role: RoleSucceeded, Payload: event})
	state := State{
		SagaID: sagaID, Status: Running, CurrentStep: 1, Data: history.JSON(), Runs: Runs{},
		StartedAt: now, DeadlineAt: now.Add(flow.timeout()),
	}
	w := newWatch(flow, state, now)
	w.judge()
	return w.decision()
}

// Observe is the next state of a watched saga and its effects; OperationRefused for an operation that does not fit.
func Observe(flow *Flow, state State, given Input, now time.Time) (Decision, error) {
	w := newWatch(flow, state, now)
	switch given := given.(type) {
	case Operation:
		if err := w.operate(given); err != nil {
			return Decision{}, err
		}
	case TimerDue:
		w.timer()
	case Seen:
		w.observe(given.Step, w.history.See(given))
	case Notice:
		if state.Status.IsLive() && given.Type != SkippedNotice && given.Type != Undone {
			break // the monitor's own words, come back over the bus
		}
		w.observe(given.Step, w.history.Note(given))
	}
	return w.decision(), nil
}

// watch is one decision about a watched saga in the making.
type watch struct {
	flow    *Flow
	state   State
	now     time.Time
	history History
	effects []Effect
}

func newWatch(flow *Flow, state State, now time.Time) *watch {
	return &watch{flow: flow, state: state, now: now, history: HistoryOf(state.Data)}
}

func (w *watch) decision() Decision {
	w.state.Data, w.state.Runs = w.history.JSON(), w.runs()
	w.state.NextTimerAt = w.nextTimer()
	return Decision{w.state, w.effects}
}

// -- inputs

func (w *watch) observe(step string, after History) {
	if !w.state.Status.IsLive() {
		w.effects = append(w.effects, Late{w.state.SagaID, step})
		return
	}
	if !after.Equal(w.history) {
		w.history = after
		w.judge()
	}
}

func (w *watch) timer() {
	if w.state.Status == Running && !w.now.Before(w.expectedBy()) {
		w.overdue()
	} else if w.state.Status == Compensating && !w.now.Before(w.state.DeadlineAt) {
		w.stick("compensation is not complete in time")
	}
}

func (w *watch) operate(given Operation) error {
	atPivot, backwards := w.current() == w.flow.pivot, w.goesBack()
	if reason := refusal(given, w.state.Status, backwards, atPivot, w.state.PivotPassed); reason != "" {
		return OperationRefused{reason}
	}
	if given.Name == Abort {
		w.history.Aborted = true
		w.become(Aborted)
		return nil
	}
	if w.state.Status == Stuck {
		w.unstick()
	}
	switch {
	case given.Name == Skip:
		w.skip()
	case given.Name == CompensateSaga && !backwards:
		w.callOff("asked for by an operator", given.Force)
	default:
		w.effects = append(w.effects, Announce{Type: RetryNotice, Step: w.waitsFor(), Reason: "asked for by an operator"})
	}
	w.judge()
	return nil
}

// unstick gives the whole time again; what is expected is expected afresh.
func (w *watch) unstick() {
	w.state.DeadlineAt = w.now.Add(w.flow.timeout())
	succeeded := Runs{}
	for key, run := range w.state.Runs {
		if run.Status == Succeeded {
			succeeded[key] = run
		}
	}
	w.state.Runs = succeeded
}

// skip takes the awaited step for done, or for undone, and tells it on.
func (w *watch) skip() {
	notice := Notice{Type: SkippedNotice, Step: w.waitsFor()}
	if w.goesBack() {
		notice.Type = Undone
	}
	w.history = w.history.Note(notice)
	w.effects = append(w.effects, Announce{Type: notice.Type, Step: notice.Step, Reason: "skipped by an operator"})
}

// -- judgement

// judge finds the status that follows from the history.
func (w *watch) judge() {
	w.state.PivotPassed = w.flow.pivot != 0 && w.history.isDone(w.flow.Step(w.flow.pivot).Name)
	w.state.CurrentStep = min(w.current(), w.flow.Len())
	back := w.goesBack()
	switch {
	case back && len(w.stillToUndo()) == 0:
		w.become(Compensated)
	case !back && w.current() > w.flow.Len():
		w.become(Completed)
	case w.state.Status != Stuck || w.now.Before(w.state.DeadlineAt):
		if back {
			w.become(Compensating)
		} else {
			w.become(Running)
		}
		w.refusedTooLate()
	}
}

func (w *watch) refusedTooLate() {
	for seq := w.flow.TurningPoint() + 1; seq <= w.flow.Len(); seq++ {
		if name := w.flow.Step(seq).Name; w.state.Status == Running && w.history.isRefused(name) {
			w.stick(name + " was refused behind the pivot")
		}
	}
}

func (w *watch) become(status Status) {
	if status == w.state.Status {
		return
	}
	w.state.Status, w.state.StuckReason, w.state.FinishedAt = status, "", nil
	if !status.IsLive() {
		w.state.FinishedAt = at(w.now)
	}
	w.effects = append(w.effects, Became{Status: status})
}

func (w *watch) stick(reason string) {
	w.state.Status, w.state.StuckReason = Stuck, reason
	w.effects = append(w.effects, Became{Stuck, reason})
}

func (w *watch) overdue() {
	step := w.waitsFor()
	reason := fmt.Sprintf("%s was expected by %s", step, Moment(w.expectedBy()))
	if w.state.PivotPassed {
		w.effects = append(w.effects, Announce{Type: Overdue, Step: step, Reason: reason})
		w.stick(reason)
		return
	}
	w.callOff(reason, false)
	w.judge()
}

func (w *watch) callOff(reason string, force bool) {
	step := w.waitsFor()
	w.history = w.history.Note(Notice{Type: Overdue, Step: step, Force: force})
	if reserve := w.now.Add(w.flow.reserve()); reserve.After(w.state.DeadlineAt) {
		w.state.DeadlineAt = reserve
	}
	w.effects = append(w.effects, Announce{Type: Overdue, Step: step, Reason: reason, Force: force})
}

func (w *watch) goesBack() bool {
	last := w.flow.TurningPoint()
	for seq := 1; seq <= last; seq++ {
		if w.history.isRefused(w.flow.Step(seq).Name) {
			return true
		}
	}
	return w.history.Overdue && (w.history.Forced || !w.history.isDone(w.flow.Step(last).Name))
}

// toUndo are the steps whose undoing is expected, in the order in which it is.
func (w *watch) toUndo() []int {
	refused := 0
	for seq := 1; seq <= w.flow.Len(); seq++ {
		if w.history.isRefused(w.flow.Step(seq).Name) {
			refused = seq
		}
	}
	if refused != 0 && !w.history.Forced {
		return w.flow.undoableBefore(refused)
	}
	last := w.flow.TurningPoint()
	if w.history.Forced {
		last = w.flow.Len()
	}
	var found []int
	for seq := last; seq > 0; seq-- {
		if !w.history.isRefused(w.flow.Step(seq).Name) {
			found = append(found, seq)
		}
	}
	return found
}

func (w *watch) stillToUndo() []int {
	var found []int
	for _, seq := range w.toUndo() {
		if !w.history.isUndone(w.flow.Step(seq).Name) {
			found = append(found, seq)
		}
	}
	return found
}

// current is the first step that is not done; one more than there are when all are.
func (w *watch) current() int {
	for seq := 1; seq <= w.flow.Len(); seq++ {
		if !w.history.isDone(w.flow.Step(seq).Name) {
			return seq
		}
	}
	return w.flow.Len() + 1
}

func (w *watch) waitsFor() string {
	if w.goesBack() {
		if back := w.stillToUndo(); len(back) > 0 {
			return w.flow.Step(back[0]).Name
		}
	}
	return w.flow.Step(min(w.current(), w.flow.Len())).Name
}
