package rules

// Times of a lease; seconds.
const (
	LeaseTTL   = 10.0
	LeaseRenew = 3.0
	LeaseTrust = 7.0 // how long after its renewal a holder that hears nothing may believe in it
)

// Lease is a row of leader election: who holds it until when, and the token that grows with each new owner. Whoever slept
// through the end of its lease finds another token when it wants to record its work, and does not record it.
//
// The zero value is a lease that nobody ever took. Times are the database's, in milliseconds. Functions of the database
// (lease_take) decide the same.
type Lease struct {
	Owner   string // empty for nobody
	Token   int64
	Expires int64
	Fence   int64 // greatest token under which the guarded resource was written
}

func (l Lease) runs(now int64) bool { return l.Owner != "" && now < l.Expires }

// Take acquires or prolongs a lease; false while another owner has it.
func (l Lease) Take(owner string, ttl, now int64) (Lease, bool) {
	runs := l.runs(now)
	if runs && l.Owner != owner {
		return l, false
	}
	if !runs {
		l.Token++
	}
	l.Owner, l.Expires = owner, now+ttl
	return l, true
}

// Renew prolongs a lease that has not ended.
func (l Lease) Renew(owner string, token, ttl, now int64) (Lease, bool) {
	held := l.Guards(owner, token, now)
	if held {
		l.Expires = now + ttl
	}
	return l, held
}

// Release gives a lease back, also one that has ended. Its token stays.
func (l Lease) Release(owner string, token int64) (Lease, bool) {
	mine := l.Owner == owner && l.Token == token
	if mine {
		l.Owner, l.Expires = "", 0
	}
	return l, mine
}

// Guards tells whether a write under the lease may go on.
func (l Lease) Guards(owner string, token, now int64) bool {
	return l.runs(now) && l.Owner == owner && l.Token == token
}

// Fenced is the lease after a write with a token to the guarded resource; false for a token smaller than one that was seen.
func (l Lease) Fenced(token int64) (Lease, bool) {
	held := token >= l.Fence
	l.Fence = max(l.Fence, token)
	return l, held
}

// Trusts tells whether a lease was renewed so lately that nobody else can hold it; on the holder's own monotonic clock.
func Trusts(renewed, now float64) bool { return now-renewed <= LeaseTrust }
