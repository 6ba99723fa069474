package rules

import "math"

// Tokens is the bucket of one subject: what is in it, and when that was counted (seconds).
type Tokens struct {
	Left    float64
	Counted float64
}

// FullTokens is the bucket of a subject that was not seen before.
func FullTokens(perMinute int, now float64) Tokens { return Tokens{float64(perMinute), now} }

// Take takes one token of a bucket that fills at perMinute and holds as much. When there is none, it tells after how many
// whole seconds to come back.
func (t Tokens) Take(perMinute int, now float64) (next Tokens, admitted bool, wait int) {
	rate := float64(perMinute) / 60
	gained := float64((now - t.Counted) * rate) // rounded before it is added
	left := min(float64(perMinute), t.Left+gained)
	if left >= 1 {
		return Tokens{left - 1, now}, true, 0
	}
	return Tokens{left, now}, false, max(1, int(math.RoundToEven((1-left)/rate)))
}
