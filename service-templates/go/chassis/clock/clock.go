// Package clock is where the chassis asks for the time of its own process. Times that instances must agree on come from
// the database instead.
package clock

import (
	"sync/atomic"
	"time"
)

// Clock tells the time. The zero offset of a real one and a fixed one of a test fit both.
type Clock interface {
	Now() time.Time
}

// System is the clock of the process.
type System struct{}

var shift atomic.Pointer[func() time.Duration]

// Now is the current time; monotonic readings are kept, so differences are safe against a clock that is set.
func (System) Now() time.Time {
	now := time.Now()
	if offset := shift.Load(); offset != nil {
		now = now.Add((*offset)())
	}
	return now
}

// Now is the current time of the process.
func Now() time.Time { return System{}.Now() }

// Shift lets the process see a time that is off by what offset gives; nil takes it back. For faults in tests.
func Shift(offset func() time.Duration) {
	if offset == nil {
		shift.Store(nil)
		return
	}
	shift.Store(&offset)
}
