package rules

// Limits of the inbox's tries; milliseconds.
const (
	InPlaceTries   = 3
	InPlaceBase    = 50
	InPlaceCap     = 400
	ParkedBase     = 1_000
	ParkedCap      = 300_000
	ParkedAttempts = 8
	// GapRefetchSeconds is how long a record waits for its predecessor before that is looked for in the topic.
	GapRefetchSeconds = 60.0
)

// Verdict is what to do with a record that arrives.
type Verdict string

// Verdicts of the inbox. Failed and Rearmed are not decided here, but recorded under the same name.
const (
	Handle       Verdict = "handle"
	Duplicate    Verdict = "duplicate"     // this very message was handled before
	Stale        Verdict = "stale"         // its key is further already
	Gap          Verdict = "gap"           // park: its predecessor is missing
	BehindParked Verdict = "behind_parked" // park: an earlier record of its key waits
	Failed       Verdict = "failed"        // its handler fails: parked, or on its way to a retry topic or the dead letters
	Rearmed      Verdict = "rearmed"       // given up before and still parked: its turn comes again
)

// Arrival is a record that arrives, and what is known of its key.
type Arrival struct {
	Sequence         *int64 // its place in its key, nil when its producer counts nothing
	IsNew            bool   // the inbox has not seen its id before
	Last             *int64 // last sequence applied of its key, nil when none was
	LeastWaiting     *int64 // smallest sequence among the parked of its key, 0 if one has none, nil if none is parked
	BeginningRemoved bool   // the topic has lost its beginning to retention, so that a key may begin anywhere
	Reopened         bool   // it was given up, and an operator has sent it again
}

// Judge says what to do with a record of an ordered topic. Records of one key are applied in the order of their sequence,
// each once; whatever cannot be applied now waits with all later ones of its key, and other keys are not held up.
func Judge(arrival Arrival) Verdict {
	switch {
	case !arrival.IsNew:
		return Duplicate
	case arrival.Reopened: // its key went on without it, so it has no place in the order any more
		return Handle
	case arrival.Sequence == nil && arrival.LeastWaiting == nil:
		return Handle
	case arrival.Sequence == nil:
		return BehindParked
	}
	return inOrder(arrival, *arrival.Sequence)
}

func inOrder(arrival Arrival, sequence int64) Verdict {
	last := int64(0)
	if arrival.Last != nil {
		last = *arrival.Last
	}
	switch {
	case arrival.Last != nil && sequence <= last:
		return Stale
	case arrival.LeastWaiting != nil && *arrival.LeastWaiting <= sequence:
		return BehindParked
	case arrival.Last == nil && arrival.BeginningRemoved:
		return Handle
	case sequence == last+1:
		return Handle
	}
	return Gap
}

// InPlaceDelay is how many milliseconds to wait before a record is tried again at once.
func InPlaceDelay(attempt int, choose Choose) int64 {
	return EqualJitter(attempt, InPlaceBase, InPlaceCap, choose)
}

// ParkedDelay is how many milliseconds to wait before a parked record that failed so many times is tried again.
func ParkedDelay(attempt int, choose Choose) int64 {
	return EqualJitter(attempt, ParkedBase, ParkedCap, choose)
}

// IsExhausted tells whether a parked record is to be given up after so many failures.
func IsExhausted(attempts, most int) bool { return attempts >= most }

// Try is what became of a handler's failure. Attempts are those of the parked record.
type Try struct {
	Again    bool // at once, after Delay; otherwise it is parked
	Attempts int
	Delay    int64 // milliseconds
}

// HandlerFailed says what to do with a record whose handler failed at its tried-th try (from 1). inPlace: it may be tried
// again at once. A final failure is parked with all its attempts used; one that does not count (it says nothing about the
// record) with none.
func HandlerFailed(tried int, inPlace, final, counts bool, most int, choose Choose) Try {
	switch {
	case inPlace && tried < InPlaceTries:
		return Try{Again: true, Delay: InPlaceDelay(tried, choose)}
	case final:
		return Try{Attempts: most}
	}
	attempts := 0
	if counts {
		attempts = 1
	}
	return Try{Attempts: attempts, Delay: ParkedDelay(1, choose)}
}

// ParkedFailed is how many attempts a parked record has used up when it failed again. Those that were spent on a missing
// predecessor do not count as its own.
func ParkedFailed(reason string, attempts int, final, counts bool, most int) int {
	switch {
	case final:
		return most
	case reason != "error":
		attempts = 0
	}
	if counts {
		attempts++
	}
	return attempts
}
