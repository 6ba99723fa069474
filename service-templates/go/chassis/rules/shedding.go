package rules

import "math"

// Limits of load shedding; seconds.
const (
	ShedTarget   = 0.020
	ShedInterval = 0.100
	shedRecent   = 16 * ShedInterval
)

// Urgencies as in RFC 9218, 0 to 7: those up to Urgent are not shed.
const (
	Urgent = 1
	Usual  = 3
)

// Queue is what is known of the queue of requests: since when the wait is too long, and when the next request is refused.
//
// A short burst may wait. Only when every request of a whole interval had to wait longer than the target is the queue a
// standing one; then one is refused, and the next ones the sooner the longer that lasts, until the wait is short again.
// Source: Nichols and Jacobson, Controlling Queue Delay, 2012.
type Queue struct {
	AboveSince *float64
	Dropping   bool
	Dropped    int
	DropAt     float64
}

// After is the queue when a request comes out of it after delay seconds, and whether to refuse the request.
func (q Queue) After(delay, now float64) (Queue, bool) {
	if delay < ShedTarget {
		return Queue{Dropped: q.Dropped, DropAt: q.DropAt}, false
	}
	if q.AboveSince == nil {
		q.AboveSince = &now
	}
	switch {
	case q.Dropping && now >= q.DropAt:
		return q.refused(now), true
	case q.Dropping, now-*q.AboveSince < ShedInterval:
		return q, false
	}
	before := 0
	if q.Dropped > 2 && now-q.DropAt < shedRecent {
		before = q.Dropped - 2
	}
	q.Dropping, q.Dropped = true, before
	return q.refused(now), true
}

func (q Queue) refused(now float64) Queue {
	q.Dropped++
	q.DropAt = now + ShedInterval/math.Sqrt(float64(q.Dropped))
	return q
}

// Sheds tells whether a request of that urgency is refused when the queue wants to refuse one.
func Sheds(refused bool, urgency int) bool { return refused && urgency > Urgent }
