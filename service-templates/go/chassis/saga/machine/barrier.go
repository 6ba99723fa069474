package machine

// Gate is what a participant of an orchestrated saga knows of a command at its barrier: a step and its compensation each
// happen at most once, and never a step after its undoing.
type Gate struct {
	Direction Direction
	Kept      Outcome // that was answered before to this command's step and direction; empty for none
	Expired   bool
	Closed    bool    // the command's own key is taken, and nothing was carried out under it
	NeverRan  bool    // of a compensation: the step's key was free, and is taken from now on
	Forward   Outcome // of a compensation: how the step ended; empty when nothing was carried out
}

// Admission is what the participant does with the command.
type Admission string

// What a gate admits.
const (
	Repeat  Admission = "repeat"  // give the kept answer again
	Expire  Admission = "expire"  // it came too late
	Refuse  Admission = "refuse"  // undone before it was done
	Nothing Admission = "nothing" // there is nothing to undo
	Act     Admission = "act"     // carry it out
)

// Admit decides.
func (g Gate) Admit() Admission {
	switch {
	case g.Kept != "":
		return Repeat
	case g.Expired:
		return Expire
	case g.Closed:
		return Refuse
	case g.Direction == Compensate && (g.NeverRan || (g.Forward != "" && g.Forward != OutcomeSucceeded)):
		return Nothing
	}
	return Act
}

// MustSucceed tells whether a refusal of a step counts as a failure that passes: nothing of it stays, and it is tried again.
func MustSucceed(kind string, direction Direction) bool {
	return direction == Forward && kind == Retriable
}
