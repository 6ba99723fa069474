//go:build conformance

package faults

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"chassis/clock"
)

const offsetLooks = 200 * time.Millisecond

var (
	passages sync.Map // label -> *atomic.Int64
	crashAt  = spots(os.Getenv("FLEET_CRASH_AT"))
	pauseAt  = spots(os.Getenv("FLEET_PAUSE_AT"))
	hook     atomic.Pointer[func(label, detail string)]
)

func init() {
	if path := os.Getenv("FLEET_CLOCK_OFFSET_FILE"); path != "" {
		clock.Shift(OffsetIn(path))
	}
}

// Install calls fn at every point from now on; nil takes it away.
func Install(fn func(label, detail string)) {
	if fn == nil {
		hook.Store(nil)
		return
	}
	hook.Store(&fn)
}

// Passages is how often the points of a label were passed.
func Passages(label string) int64 { return counter(label).Load() }

// Point is a place where a crash must do no harm. FLEET_CRASH_AT=label[:n] kills the process at the n-th passage (the
// first when n is left out), FLEET_PAUSE_AT=label:milliseconds delays it at each. Several are separated by commas.
func Point(label, detail string) {
	passed := counter(label).Add(1)
	if called := hook.Load(); called != nil {
		(*called)(label, detail)
	}
	if millis, ok := pauseAt[label]; ok {
		time.Sleep(time.Duration(millis) * time.Millisecond)
	}
	if at, ok := crashAt[label]; ok && passed == max(1, at) {
		fmt.Fprintf(os.Stderr, "crash at %s, passage %d\n", label, passed)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func counter(label string) *atomic.Int64 {
	count, _ := passages.LoadOrStore(label, new(atomic.Int64))
	return count.(*atomic.Int64)
}

// spots reads `label:number` items. A malformed one is an error of the test, which must not pass by it.
func spots(text string) map[string]int64 {
	read := map[string]int64{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		label, number, _ := strings.Cut(item, ":")
		if number == "" {
			number = "1"
		}
		value, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic("faults: " + item + ": " + err.Error())
		}
		read[label] = value
	}
	return read
}

// OffsetIn gives the seconds in a file, looked up a few times a second.
func OffsetIn(path string) func() time.Duration {
	var looked, offset atomic.Int64
	return func() time.Duration {
		now := time.Now().UnixNano()
		if before := looked.Load(); now-before > int64(offsetLooks) && looked.CompareAndSwap(before, now) {
			if text, err := os.ReadFile(path); err == nil {
				if seconds, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err == nil {
					offset.Store(int64(seconds * float64(time.Second)))
				}
			}
		}
		return time.Duration(offset.Load())
	}
}
