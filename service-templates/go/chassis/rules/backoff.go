package rules

import "math/rand/v2"

// Choose gives a whole number between two bounds, both included.
type Choose func(least, most int64) int64

// Chance chooses evenly.
func Chance(least, most int64) int64 { return least + rand.Int64N(most-least+1) }

// Chances is how many different chances Drawn knows.
const Chances = 65536

// Drawn chooses by a given chance from 0 to Chances-1: evenly, and for the same chance the same.
func Drawn(chance int64) Choose {
	return func(least, most int64) int64 { return least + chance*(most-least+1)/Chances }
}

// FullJitter is how many milliseconds to wait after the attempt-th failure (from 1) of a call that somebody waits for: all
// of it by chance, so that many do not come back at once.
func FullJitter(attempt int, base, most int64, choose Choose) int64 {
	return choose(0, ceiling(attempt, base, most))
}

// EqualJitter is the same for work in the background: half of it by chance.
func EqualJitter(attempt int, base, most int64, choose Choose) int64 {
	limit := ceiling(attempt, base, most)
	return limit/2 + choose(0, limit-limit/2)
}

// ceiling doubles with each attempt up to a limit.
func ceiling(attempt int, base, most int64) int64 {
	doublings := min(max(attempt-1, 0), 32)
	return min(most, base<<doublings)
}
