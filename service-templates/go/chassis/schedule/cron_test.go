package schedule

import (
	"context"
	"testing"
	"time"
)

func TestNextTicks(t *testing.T) {
	at := func(text string) time.Time {
		moment, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, each := range []struct{ cron, after, next string }{
		{"0 2 * * *", "2026-01-31 01:59", "2026-01-31 02:00"},
		{"0 2 * * *", "2026-01-31 02:00", "2026-02-01 02:00"},
		{"*/15 9-17 * * mon-fri", "2026-01-30 17:50", "2026-02-02 09:00"},
		{"0 0 29 2 *", "2026-03-01 00:00", "2028-02-29 00:00"},
		{"0 0 1 * 7", "2026-01-30 00:00", "2026-02-01 00:00"}, // either day: the 1st, a Sunday
		{"0 0 13 * fri", "2026-02-01 00:00", "2026-02-06 00:00"},
		{"@monthly", "2026-12-31 23:59", "2027-01-01 00:00"},
	} {
		cron, err := ParseCron(each.cron)
		if err != nil {
			t.Fatal(err)
		}
		if next, ever := cron.NextAfter(at(each.after)); !ever || !next.Equal(at(each.next)) {
			t.Errorf("%s after %s: %s, not %s", each.cron, each.after, next, each.next)
		}
	}
}

func TestWhatIsNoCron(t *testing.T) {
	for _, text := range []string{"", "* * * *", "60 * * * *", "* 5-3 * * *", "*/0 * * * *", "x * * * *", "1,,2 * * * *"} {
		if _, err := ParseCron(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
	never, err := ParseCron("0 0 31 2 *")
	if err != nil {
		t.Fatal(err)
	}
	if _, ever := never.NextAfter(time.Now()); ever {
		t.Error("there is a 31 February")
	}
}

func TestTheFirstLookOnlySetsTheTicks(t *testing.T) {
	now := time.Date(2026, 1, 31, 1, 59, 30, 0, time.UTC)
	cron, err := ParseCron("0 2 * * *")
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	table := NewTimetable([]Job{{"sweep", cron, func(_ context.Context, _ time.Time) error { runs++; return nil }}})
	table.now = func() time.Time { return now }
	if pause := table.Look(t.Context()); pause != 30*time.Second || runs != 0 {
		t.Errorf("waits %s after %d runs", pause, runs)
	}
	now = now.Add(31 * time.Second)
	table.Look(t.Context())
	table.Look(t.Context())
	if runs != 1 {
		t.Errorf("ran %d times", runs)
	}
	now = now.Add(25 * time.Hour) // slept over the next tick
	table.Look(t.Context())
	if runs != 1 {
		t.Errorf("a tick that was slept over was made up for")
	}
}
