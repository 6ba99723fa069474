package httpapi

import (
	"container/list"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"chassis/rules"
	"chassis/telemetry"
)

const subjectsMost = 10_000

// limiter is a token bucket a subject; 0 a minute limits nothing. Of very many subjects those seen longest ago are
// forgotten.
type limiter struct {
	perMinute int64

	mu       sync.Mutex
	subjects map[string]*list.Element
	order    *list.List
}

type subject struct {
	name   string
	tokens rules.Tokens
}

func newLimiter(perMinute int) *limiter {
	return &limiter{perMinute: int64(perMinute), subjects: map[string]*list.Element{}, order: list.New()}
}

var began = time.Now()

func sinceStart() time.Duration { return time.Since(began) }

// admit takes one token, or gives a 429 problem that says when to come back.
func (l *limiter) admit(name string) error {
	if l.perMinute <= 0 {
		return nil
	}
	now := sinceStart().Milliseconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	element, known := l.subjects[name]
	if !known {
		element = l.order.PushBack(&subject{name, rules.FullTokens(l.perMinute, now)})
		l.subjects[name] = element
		for l.order.Len() > subjectsMost {
			delete(l.subjects, l.order.Remove(l.order.Front()).(*subject).name)
		}
	}
	l.order.MoveToBack(element)
	of := element.Value.(*subject)
	next, admitted, seconds := of.tokens.Take(l.perMinute, now)
	of.tokens = next
	if admitted {
		return nil
	}
	wait := strconv.FormatInt(max(1, seconds), 10)
	return &Problem{
		Status: http.StatusTooManyRequests, Kind: "rate-limit", Title: "Too many requests",
		Detail: fmt.Sprintf("at most %d a minute", l.perMinute),
		Headers: map[string]string{
			"retry-after": wait, "ratelimit-limit": strconv.FormatInt(l.perMinute, 10), "ratelimit-remaining": "0",
			"ratelimit-reset": wait,
		},
	}
}

// gate lets so many requests work at a time and so many more wait; those that would have to wait too long for too long a
// time are turned away (CoDel).
type gate struct {
	places chan struct{}
	all    chan struct{}

	mu    sync.Mutex
	queue rules.Queue
}

func newGate(working, waiting int) *gate {
	return &gate{places: make(chan struct{}, working), all: make(chan struct{}, working+waiting)}
}

// enter gives what ends the work, or a problem.
func (g *gate) enter(ctx context.Context, urgency int, until time.Time) (leave func(), err error) {
	select {
	case g.all <- struct{}{}:
	default:
		telemetry.ShedRequests.Add(ctx, 1)
		return nil, overloaded()
	}
	queued := time.Now()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
	case <-timer.C:
		<-g.all
		return nil, deadlinePassed()
	case <-ctx.Done():
		<-g.all
		return nil, ctx.Err()
	}
	leave = func() {
		<-g.places
		<-g.all
	}
	if g.sheds(time.Since(queued), urgency) {
		leave()
		telemetry.ShedRequests.Add(ctx, 1)
		return nil, overloaded()
	}
	return leave, nil
}

func (g *gate) sheds(delay time.Duration, urgency int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	queue, refused := g.queue.After(delay.Seconds(), sinceStart().Seconds())
	g.queue = queue
	return rules.Sheds(refused, urgency)
}

// urgencyOf a header such as `u=1` (RFC 9218). Who is not trusted may say that something can wait, not that it cannot.
func urgencyOf(priority string, trusted bool) int {
	for part := range strings.SplitSeq(priority, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name == "u" && len(value) == 1 && value[0] >= '0' && value[0] <= '7' {
			urgency := int(value[0] - '0')
			if trusted {
				return urgency
			}
			return max(rules.Usual, urgency)
		}
	}
	return rules.Usual
}
