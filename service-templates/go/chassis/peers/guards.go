package peers

import (
	"context"
	"sync"
	"time"

	"chassis/rules"
)

// callee is a peer. One of its operations may fail while the others work, so each has its own breaker.
type callee struct {
	url    string
	places chan struct{}

	mu       sync.Mutex
	load     rules.Load
	breakers map[string]rules.Breaker
}

// enter takes a place among the calls of this peer, waiting for one no longer than a part of what is left.
func (c *callee) enter(ctx context.Context, concurrent, queued int, left time.Duration) (leave func(), ok bool) {
	c.mu.Lock()
	load, entry := c.load.Enter(concurrent, queued)
	c.load = load
	if entry == rules.Run {
		c.places <- struct{}{} // does not wait: there is a place, and nobody waits for it
	}
	c.mu.Unlock()
	if entry == rules.Wait && !c.wait(ctx, time.Duration(float64(left)*rules.WaitShare)) {
		return nil, false
	}
	return c.leave, entry != rules.Refuse
}

func (c *callee) wait(ctx context.Context, most time.Duration) (found bool) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case c.places <- struct{}{}:
		found = true
	case <-timer.C:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load = c.load.Waited(found)
	return found
}

func (c *callee) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load = c.load.Left()
	<-c.places
}

func (c *callee) admits(by rules.BreakerRules, operation string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	state, known := c.breakers[operation]
	if !known {
		state = rules.NewBreaker()
	}
	next, admitted := by.Admit(state, now())
	c.breakers[operation] = next
	return admitted
}

func (c *callee) note(by rules.BreakerRules, operation string, succeeded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.breakers[operation] = by.After(c.breakers[operation], succeeded, now(), rules.Chance(900, 1100))
}

var began = time.Now()

// now is milliseconds on the monotonic clock.
func now() int64 { return time.Since(began).Milliseconds() }
