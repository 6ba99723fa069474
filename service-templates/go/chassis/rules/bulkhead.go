package rules

// WaitShare is which part of the time a call may take it may wait for a place.
const WaitShare = 0.25

// Entry is what a call that comes to a bulkhead does.
type Entry string

// A call runs, waits for a place, or is refused.
const (
	Run    Entry = "run"
	Wait   Entry = "wait"
	Refuse Entry = "refuse"
)

// Load is how many calls of one callee are under way, and how many wait.
type Load struct {
	Running int
	Waiting int
}

// Enter says what a new call does, when so many may run and so many wait.
func (l Load) Enter(concurrent, queued int) (Load, Entry) {
	switch {
	case l.Running < concurrent && l.Waiting == 0:
		return Load{l.Running + 1, l.Waiting}, Run
	case l.Waiting < queued:
		return Load{l.Running, l.Waiting + 1}, Wait
	}
	return l, Refuse
}

// Waited is the load after a wait that ended with a place, or without one.
func (l Load) Waited(found bool) Load {
	if found {
		return Load{l.Running + 1, l.Waiting - 1}
	}
	return Load{l.Running, l.Waiting - 1}
}

// Left is the load after a call that ran.
func (l Load) Left() Load { return Load{l.Running - 1, l.Waiting} }
