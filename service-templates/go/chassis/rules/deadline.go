package rules

import (
	"regexp"
	"strconv"
)

// WayBack is how many milliseconds of what it waits a caller keeps for the way back: the callee is told less.
const WayBack = 50

var wholeNumber = regexp.MustCompile(`^-?[0-9]{1,18}$`)

// Arrive is how many milliseconds a request may take: what its caller says (nil for nothing), at most the usual. Not
// well-formed is a text that is no whole number; a budget of 0 or less has expired.
func Arrive(given *string, usual int64) (budget int64, wellFormed bool) {
	if given == nil {
		return usual, true
	}
	if !wholeNumber.MatchString(*given) {
		return 0, false
	}
	budget, err := strconv.ParseInt(*given, 10, 64)
	return min(budget, usual), err == nil
}

// CallWithin is how many milliseconds to wait for a callee when so many remain, and what the callee is told; false when it
// is not worth a call.
func CallWithin(remaining, usual int64) (wait, told int64, worth bool) {
	wait = min(remaining, usual)
	return wait, wait - WayBack, wait > WayBack
}

// IsExpired tells whether a command came too late; nil for one that never does. Milliseconds.
func IsExpired(expires *int64, now int64) bool { return expires != nil && now > *expires }
