// Package schedule carries out commands by the clock. Every instance has the same timetable; a note in the inbox lets one of
// them run each tick.
//
// The note is written in the transaction of the command: a tick runs once or, if the command fails, not at all. Ticks that
// pass while no instance runs are not made up for.
package schedule

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chassis/clock"
	"chassis/database"
	"chassis/execute"
	"chassis/message"
	"chassis/service"
	"chassis/telemetry"
)

const (
	lateMost = 5 * time.Minute // a tick seen later than this (the machine slept) is left out
	waitMost = time.Minute     // a clock that was set is noticed after so long at the latest

	note = `INSERT INTO inbox (handler, ce_source, ce_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
)

// Job is something to do at the ticks of a timetable.
type Job struct {
	Name string
	Cron Cron
	Run  func(ctx context.Context, tick time.Time) error
}

// Timetable runs jobs, one after the other.
type Timetable struct {
	jobs []Job
	now  func() time.Time
	due  map[string]time.Time
	stop context.CancelFunc
	done chan struct{}
}

// NewTimetable begins with the ticks after now.
func NewTimetable(jobs []Job) *Timetable {
	return &Timetable{jobs: jobs, now: clock.Now, due: map[string]time.Time{}, done: make(chan struct{})}
}

// Start begins.
func (t *Timetable) Start(ctx context.Context) {
	ctx, t.stop = context.WithCancel(ctx)
	go func() {
		defer close(t.done)
		for ctx.Err() == nil && len(t.jobs) > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(t.Look(ctx)):
			}
		}
	}()
}

// Stop takes no further tick, and waits for the job that is running.
func (t *Timetable) Stop() {
	if t.stop != nil {
		t.stop()
		<-t.done
	}
}

// Look runs what is due, and tells how long to wait before looking again. The first look only sets the ticks.
func (t *Timetable) Look(ctx context.Context) time.Duration {
	now := t.now()
	pause := waitMost
	for _, job := range t.jobs {
		tick, known := t.due[job.Name]
		if known && !tick.After(now) && now.Sub(tick) <= lateMost {
			t.run(ctx, job, tick)
		}
		if !known || !tick.After(now) {
			next, ever := job.Cron.NextAfter(now)
			if !ever {
				next = now.Add(24 * 365 * time.Hour)
			}
			tick, t.due[job.Name] = next, next
		}
		pause = min(pause, tick.Sub(t.now()))
	}
	return max(pause, 0)
}

// run logs a failure: the next tick comes all the same.
func (t *Timetable) run(ctx context.Context, job Job, tick time.Time) {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{}) // a trace of its own
	ctx, span := telemetry.Start(ctx, telemetry.Span{Name: "schedule " + job.Name})
	defer span.End()
	if err := job.Run(ctx, tick); err != nil {
		telemetry.Failed(span, "schedule")
		slog.ErrorContext(ctx, "a scheduled command failed", "command", job.Name, "reason", err)
	}
}

// Commands are the jobs that the service's facts ask for. The error names a cron expression that cannot be read.
func Commands(of *service.Service, db *database.Database, sagas execute.SagaStarter) ([]Job, error) {
	var jobs []Job
	for _, scheduled := range of.Definition.Schedules {
		cron, err := ParseCron(scheduled.Cron)
		if err != nil {
			return nil, err
		}
		name := scheduled.Command.Text
		jobs = append(jobs, Job{name, cron, func(ctx context.Context, tick time.Time) error {
			cause := message.NewContext()
			cause.Caller, cause.TraceParent = "schedule", telemetry.TraceParent(ctx)
			ctx = telemetry.Bind(ctx, telemetry.Bound{Correlation: cause.CorrelationID})
			return db.Work(ctx, cause, func(work *database.Work) error {
				first, err := FirstToNote(ctx, work, of.Definition.Source, name, tick)
				if err != nil || !first {
					return err
				}
				_, err = execute.Command(ctx, of, name, map[string]any{}, work, sagas)
				return err
			})
		}})
	}
	return jobs, nil
}

// FirstToNote tells whether no other instance has taken this tick. It waits for one that is just about to.
func FirstToNote(ctx context.Context, work *database.Work, source, name string, tick time.Time) (bool, error) {
	tag, err := work.Tx().Exec(ctx, note, "schedule:"+name, source, tick.UTC().Format("2006-01-02T15:04:05+00:00"))
	return tag.RowsAffected() == 1, err
}
