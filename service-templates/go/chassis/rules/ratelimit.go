package rules

// Token is one token in units: a millisecond brings as many as a minute brings tokens, so that nothing is lost to rounding.
const Token = 60_000

// Tokens is the bucket of one subject: the units in it, and when these were counted (milliseconds).
type Tokens struct {
	Units   int64
	Counted int64
}

// FullTokens is the bucket of a subject that was not seen before.
func FullTokens(perMinute, now int64) Tokens { return Tokens{perMinute * Token, now} }

// Take takes one token of a bucket that fills at perMinute and holds as much. When there is none, it tells after how many
// whole seconds there will be one. A clock that goes backwards brings nothing and takes nothing.
func (t Tokens) Take(perMinute, now int64) (next Tokens, admitted bool, seconds int64) {
	if now > t.Counted {
		t = Tokens{min(perMinute*Token, t.Units+(now-t.Counted)*perMinute), now}
	}
	if t.Units >= Token {
		return Tokens{t.Units - Token, t.Counted}, true, 0
	}
	perSecond := perMinute * 1000
	return t, false, (Token - t.Units + perSecond - 1) / perSecond
}
