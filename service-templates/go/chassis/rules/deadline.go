package rules

// Reserve is how many milliseconds of its own deadline a service keeps to answer when it calls another one.
const Reserve = 50

// Remaining is what is left of a budget of milliseconds after so many have passed; false when the work is not worth
// beginning any more.
func Remaining(budget, passed float64) (float64, bool) {
	left := budget - passed
	return left, left > 0
}

// CalleeBudget is what is passed on to a callee: what remains, less the own reserve, and no more than the callee's usual time. False when there is
// no time for a call.
func CalleeBudget(remaining, usual float64) (float64, bool) {
	budget := min(usual, remaining-Reserve)
	return budget, budget > 0
}
