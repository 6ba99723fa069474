package rules

import "slices"

// Place is where a dead letter lies in its topic.
type Place struct {
	Partition int32
	Offset    int64
}

// Letter is what is decided by about a dead letter. A message, known by source and id, may have left several.
type Letter struct {
	Place    Place
	Source   string
	ID       string
	Key      string
	Type     string
	Reason   string
	Error    string // its class
	Redrives int
}

// LetterState is what became of a dead letter.
type LetterState string

// States of a dead letter.
const (
	Open        LetterState = "open"
	Superseded  LetterState = "superseded" // its message left a later one
	Handled     LetterState = "handled"    // its message was handled since
	WasRedriven LetterState = "redriven"
	Discarded   LetterState = "discarded"
)

// Identity of a message.
type Identity struct{ Source, ID string }

// LetterStates are the states of letters, in the order of the topic. Of a message only its last letter can be open.
func LetterStates(letters []Letter, settled map[Place]LetterState, handled map[Identity]bool) []LetterState {
	last := map[Identity]Place{}
	for _, letter := range letters {
		last[letter.identity()] = letter.Place
	}
	states := make([]LetterState, len(letters))
	for index, letter := range letters {
		state, isSettled := settled[letter.Place]
		switch {
		case isSettled:
			states[index] = state
		case handled[letter.identity()]:
			states[index] = Handled
		case last[letter.identity()] != letter.Place:
			states[index] = Superseded
		default:
			states[index] = Open
		}
	}
	return states
}

func (l Letter) identity() Identity { return Identity{l.Source, l.ID} }

// LetterFilter says which letters are meant; what is empty fits all.
type LetterFilter struct {
	IDs    []string `json:"ids"`
	Key    string   `json:"key"`
	Type   string   `json:"type"`
	Reason string   `json:"reason"`
	Error  string   `json:"error"`
}

// Fits tells whether the letter is meant.
func (f LetterFilter) Fits(letter Letter) bool {
	return (len(f.IDs) == 0 || slices.Contains(f.IDs, letter.ID)) &&
		fits(f.Key, letter.Key) && fits(f.Type, letter.Type) && fits(f.Reason, letter.Reason) && fits(f.Error, letter.Error)
}

func fits(wanted, value string) bool { return wanted == "" || wanted == value }

// Redrive is what a redrive does. Refused have been redriven too often; Left counts those for the next time.
type Redrive struct {
	Chosen  []Letter
	Refused []Letter
	Left    int
}

// PlanRedrive chooses at most limit of the open letters. Those redriven too often are refused unless by force.
func PlanRedrive(opened []Letter, wanted LetterFilter, limit int, force bool) Redrive {
	var plan Redrive
	for _, letter := range opened {
		switch {
		case !wanted.Fits(letter):
		case letter.Redrives >= RedrivesMost && !force:
			plan.Refused = append(plan.Refused, letter)
		case len(plan.Chosen) < limit:
			plan.Chosen = append(plan.Chosen, letter)
		default:
			plan.Left++
		}
	}
	return plan
}
