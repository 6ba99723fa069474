package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	months     = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}
	weekdays   = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	shorthands = map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *",
	}
)

const horizonYears = 29 // 29 February on a given weekday comes back after 28 years

// Cron is when to run: five fields in UTC. A day fits if day of month or day of week fits when both are restricted, as cron
// has it.
type Cron struct {
	minutes, hours, days, months, weekdays map[int]bool
	eitherDay                              bool
}

// ParseCron reads an expression; the error says which part is wrong.
func ParseCron(text string) (Cron, error) {
	if long, known := shorthands[strings.ToLower(strings.TrimSpace(text))]; known {
		text = long
	}
	parts := strings.Fields(strings.ToLower(text))
	if len(parts) != 5 {
		return Cron{}, fmt.Errorf("cron %q: five fields are wanted, not %d", text, len(parts))
	}
	fields := make([]map[int]bool, 5)
	for index, limits := range []limits{{0, 59, nil, 0}, {0, 23, nil, 0}, {1, 31, nil, 0}, {1, 12, months, 1}, {0, 7, weekdays, 0}} {
		var err error
		if fields[index], err = limits.read(parts[index]); err != nil {
			return Cron{}, err
		}
	}
	if fields[4][7] { // Sunday, too
		fields[4][0] = true
	}
	either := !strings.HasPrefix(parts[2], "*") && !strings.HasPrefix(parts[4], "*")
	return Cron{fields[0], fields[1], fields[2], fields[3], fields[4], either}, nil
}

// NextAfter is the first fitting minute behind the moment; false if none ever comes (31 February).
func (c Cron) NextAfter(moment time.Time) (time.Time, bool) {
	at := moment.UTC().Truncate(time.Minute).Add(time.Minute)
	for last := at.Year() + horizonYears; at.Year() <= last; {
		switch {
		case !c.months[int(at.Month())]:
			at = time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !c.fitsDay(at):
			at = time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, time.UTC)
		case !c.hours[at.Hour()]:
			at = at.Truncate(time.Hour).Add(time.Hour)
		case !c.minutes[at.Minute()]:
			at = at.Add(time.Minute)
		default:
			return at, true
		}
	}
	return time.Time{}, false
}

func (c Cron) fitsDay(at time.Time) bool {
	byMonth, byWeek := c.days[at.Day()], c.weekdays[int(at.Weekday())]
	if c.eitherDay {
		return byMonth || byWeek
	}
	return byMonth && byWeek
}

// limits of a field: names stand for numbers from first on.
type limits struct {
	low, high int
	names     []string
	first     int
}

func (l limits) read(text string) (map[int]bool, error) {
	values := map[int]bool{}
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		begin, end, ranged := strings.Cut(span, "-")
		start, stop := l.low, l.high
		if begin != "*" {
			start = l.number(begin)
			if !stepped {
				stop = start
			}
		}
		if ranged {
			stop = l.number(end)
		}
		width := 1
		if stepped {
			width = limits{}.number(step)
		}
		if start < l.low || stop < start || stop > l.high || width < 1 {
			return nil, fmt.Errorf("cron field %q: wanted values from %d to %d", part, l.low, l.high)
		}
		for value := start; value <= stop; value += width {
			values[value] = true
		}
	}
	return values, nil
}

// number is -1 for a text that is none.
func (l limits) number(text string) int {
	if index := slices.Index(l.names, text); index >= 0 {
		return index + l.first
	}
	value, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return -1
	}
	return int(value)
}
