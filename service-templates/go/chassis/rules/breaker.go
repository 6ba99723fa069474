package rules

// BreakerState is where a breaker stands.
type BreakerState string

// A breaker lets everything through, nothing, or one call to find out.
const (
	Closed   BreakerState = "closed"
	Opened   BreakerState = "open"
	HalfOpen BreakerState = "half-open"
)

// Limits of breakers.
const (
	OpenMost         = 300_000 // milliseconds
	SuccessesToClose = 2
)

// Breaker is the state of a circuit breaker for one operation of one callee. The zero value is not valid: see NewBreaker.
type Breaker struct {
	Name      BreakerState
	Failures  int   // in a row, while closed
	Openings  int   // in a row
	Successes int   // while half open
	Until     int64 // milliseconds; while open
	Probing   bool  // the one probe is under way
}

// NewBreaker is a closed breaker.
func NewBreaker() Breaker { return Breaker{Name: Closed} }

// BreakerRules are the failures in a row that open a breaker, and the milliseconds it stays open the first time; twice as
// long each further time.
type BreakerRules struct {
	Failures int
	Open     int64
}

// Admit tells whether a call may go out now, and the state that follows.
func (r BreakerRules) Admit(state Breaker, now int64) (Breaker, bool) {
	switch {
	case state.Name == Closed:
		return state, true
	case state.Name == Opened && now < state.Until, state.Probing:
		return state, false
	}
	state.Name, state.Probing, state.Until = HalfOpen, true, 0
	return state, true
}

// After is the state after a call; spread is a random factor about 1 in thousandths that keeps callers out of step.
func (r BreakerRules) After(state Breaker, succeeded bool, now, spread int64) Breaker {
	switch {
	case state.Name == Opened, state.Name == HalfOpen && !state.Probing:
		return state // a call from before it opened says nothing about now
	case succeeded && (state.Name == Closed || state.Successes+1 >= SuccessesToClose):
		return NewBreaker()
	case succeeded:
		state.Successes, state.Probing = state.Successes+1, false
		return state
	case state.Name == Closed && state.Failures+1 < r.Failures:
		state.Failures++
		return state
	}
	openings := state.Openings + 1
	open := min(OpenMost, r.Open<<min(openings-1, 20)) * spread / 1000
	return Breaker{Name: Opened, Openings: openings, Until: now + open}
}
