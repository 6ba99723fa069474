package rules

// Times of a lease; seconds.
const (
	LeaseTTL   = 10.0
	LeaseRenew = 3.0
	LeaseTrust = 7.0 // how long after its renewal a holder that hears nothing may believe in it
)

// Lease is a row of leader election: who holds it until when, and the token that grows with each new owner. Whoever slept
// through the end of its lease finds another token when it wants to record its work, and does not record it.
type Lease struct {
	Owner     string
	Token     int64
	ExpiresAt float64
}

// Take acquires or renews a lease; false when another one holds it. Times are the database's, in seconds.
func (l Lease) Take(owner string, ttl, now float64) (Lease, bool) {
	valid := l.ExpiresAt > now
	if valid && l.Owner != owner {
		return l, false
	}
	token := l.Token
	if !valid || l.Owner != owner {
		token++
	}
	return Lease{owner, token, now + ttl}, true
}

// Release gives a lease back so that others need not wait for its end. Whoever does not hold it changes nothing.
func (l Lease) Release(owner string) Lease {
	if l.Owner != owner {
		return l
	}
	return Lease{Token: l.Token}
}

// Holds tells whether work that was begun under a token may still be recorded.
func (l Lease) Holds(owner string, token int64) bool { return l.Owner == owner && l.Token == token }

// Trusts tells whether a lease was renewed so lately that nobody else can hold it; on the holder's own monotonic clock.
func Trusts(renewed, now float64) bool { return now-renewed <= LeaseTrust }
