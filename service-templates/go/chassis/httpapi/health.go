package httpapi

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"chassis/database"
	"chassis/telemetry"
)

const (
	oldestMost = 300.0       // seconds; an outbox that stands still longer than this needs help
	checkedFor = time.Second // for which one look at the database answers all questions after readiness
)

// Health is what the process says of itself.
type Health struct {
	Started  atomic.Bool
	Draining atomic.Bool

	db      *database.Database
	mu      sync.Mutex
	checked time.Time
	found   string
}

// NewHealth looks at that database.
func NewHealth(db *database.Database) *Health { return &Health{db: db} }

// Fault is why the service is not ready; empty when it is. Kafka may be away: the outbox waits for it.
func (h *Health) Fault(ctx context.Context) string {
	switch {
	case !h.Started.Load():
		return "starting"
	case h.Draining.Load():
		return "stopping"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.checked) >= checkedFor {
		h.found, h.checked = h.look(ctx), time.Now()
	}
	return h.found
}

func (h *Health) look(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if !h.db.Ready(ctx) {
		return "the database does not answer"
	}
	age, err := telemetry.OldestAge(ctx, h.db)
	switch {
	case err != nil:
		return "the outbox cannot be looked at"
	case age > oldestMost:
		return fmt.Sprintf("the outbox has not moved for %.0f s", age)
	}
	return ""
}
