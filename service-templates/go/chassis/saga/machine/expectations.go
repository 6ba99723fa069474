package machine

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// expectedBy is the earliest moment at which waiting for the current step is over.
func (w *watch) expectedBy() time.Time {
	moment := &w.state.DeadlineAt
	if run, known := w.state.Runs[RunKey{w.current(), Forward}]; known {
		moment = earliest(moment, run.DeadlineAt)
	}
	if !w.state.PivotPassed {
		moment = earliest(moment, at(w.state.DeadlineAt.Add(-w.flow.reserve())))
	}
	return *moment
}

func (w *watch) nextTimer() *time.Time {
	switch w.state.Status {
	case Running:
		return at(w.expectedBy())
	case Compensating:
		return at(w.state.DeadlineAt)
	}
	return nil
}

// runs are the expectations that follow from the history.
func (w *watch) runs() Runs {
	runs := Runs{}
	for seq := 1; seq <= w.flow.Len(); seq++ {
		if status := w.forwardStatus(seq); status != "" {
			runs[RunKey{seq, Forward}] = w.run(seq, Forward, status)
		}
	}
	if !w.goesBack() {
		return runs
	}
	for _, seq := range w.toUndo() {
		if w.flow.Step(seq).Undo == "" {
			continue
		}
		status := Sent
		if w.history.isUndone(w.flow.Step(seq).Name) {
			status = Succeeded
		}
		runs[RunKey{seq, Compensate}] = w.run(seq, Compensate, status)
	}
	return runs
}

func (w *watch) forwardStatus(seq int) RunStatus {
	name := w.flow.Step(seq).Name
	switch {
	case w.history.hasRun(name):
		return Succeeded
	case w.history.isRefused(name):
		return Failed
	case w.history.Skipped[name]:
		return Skipped
	case seq != w.current():
		return ""
	case w.history.Overdue || w.state.Status == Stuck:
		return TimedOut
	}
	return Sent
}

func (w *watch) run(seq int, direction Direction, status RunStatus) Run {
	known, isKnown := w.state.Runs[RunKey{seq, direction}]
	if isKnown && known.Status == status {
		return known
	}
	id := uuid.NewSHA1(w.state.SagaID, fmt.Appendf(nil, "%d:%s", seq, direction))
	run := Run{
		Seq: seq, Direction: direction, Status: status, Attempt: 1, SentAt: at(w.now),
		Parts: []Part{{CommandID: id, Status: status}},
	}
	if isKnown {
		run.SentAt = known.SentAt
	}
	switch within := w.flow.Step(seq).Within; {
	case status != Sent:
		run.EndedAt = at(w.now)
	case direction == Forward && within > 0:
		run.DeadlineAt = earliest(at(w.now.Add(seconds(within))), &w.state.DeadlineAt)
	}
	return run
}

// Moment is how times are written in reasons and headers: to the microsecond, without a fraction that is zero.
func Moment(moment time.Time) string {
	moment = moment.UTC()
	if moment.Nanosecond()/1000 == 0 {
		return moment.Format("2006-01-02T15:04:05+00:00")
	}
	return moment.Format("2006-01-02T15:04:05.000000+00:00")
}
