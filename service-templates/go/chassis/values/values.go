// Package values holds the values every fleet shares: money, exact numbers, days and spans of time. Their JSON is their
// form on the wire.
package values

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// MixedCurrencies says that money of two currencies was added, subtracted or ordered. Arithmetic panics with it, for
// expressions stay readable so; whoever carries out a command makes a violated rule of it, since what a caller sent may
// lead here.
type MixedCurrencies struct{ One, Other string }

func (e *MixedCurrencies) Error() string { return e.One + " and " + e.Other + " do not mix" }

// Money is an exact amount in minor units (cents) of a currency (ISO 4217 code). The currency is empty for a sum over
// nothing: that may be added to any money and equals zero of any currency.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

func (m Money) joined(other Money) string {
	if m.Currency != "" && other.Currency != "" && m.Currency != other.Currency {
		panic(&MixedCurrencies{m.Currency, other.Currency})
	}
	if m.Currency != "" {
		return m.Currency
	}
	return other.Currency
}

// Plus is the sum. It panics with *MixedCurrencies, and with *OutOfRange where 64 bits do not hold it.
func (m Money) Plus(other Money) Money { return Money{Add(m.Amount, other.Amount), m.joined(other)} }

// Minus is the difference; it panics like Plus.
func (m Money) Minus(other Money) Money { return Money{Sub(m.Amount, other.Amount), m.joined(other)} }

// Times is so many times the amount; it panics with *OutOfRange where 64 bits do not hold it.
func (m Money) Times(factor int64) Money { return Money{Mul(m.Amount, factor), m.Currency} }

// Compare is negative, zero or positive; it panics with *MixedCurrencies.
func (m Money) Compare(other Money) int {
	m.joined(other)
	switch {
	case m.Amount < other.Amount:
		return -1
	case m.Amount > other.Amount:
		return 1
	}
	return 0
}

// Equal tells whether both are the same; money of different currencies never is.
func (m Money) Equal(other Money) bool {
	return m.Amount == other.Amount && (m.Currency == "" || other.Currency == "" || m.Currency == other.Currency)
}

func (m Money) String() string { return strings.TrimSpace(fmt.Sprint(m.Amount, " ", m.Currency)) }

// OutOfRange says that 64 bits do not hold a number.
type OutOfRange struct{}

func (*OutOfRange) Error() string { return "numbers have 64 bits" }

// Add is the sum; it panics with *OutOfRange.
func Add(one, other int64) int64 {
	sum := one + other
	if (sum > one) != (other > 0) && other != 0 {
		panic(&OutOfRange{})
	}
	return sum
}

// Sub is the difference; it panics with *OutOfRange.
func Sub(one, other int64) int64 {
	difference := one - other
	if (difference < one) != (other > 0) && other != 0 {
		panic(&OutOfRange{})
	}
	return difference
}

// Mul is the product; it panics with *OutOfRange.
func Mul(one, other int64) int64 {
	if one == 0 || other == 0 {
		return 0
	}
	product := one * other
	if product/other != one || (one == -1 && other == -1<<63) || (other == -1 && one == -1<<63) {
		panic(&OutOfRange{})
	}
	return product
}

// Decimal is an exact number. On the wire it is text with the digits that it was made with: "12.50".
type Decimal struct{ decimal.Decimal }

// ParseDecimal reads plain digits.
func ParseDecimal(text string) (Decimal, error) {
	read, err := decimal.NewFromString(text)
	return Decimal{read}, err
}

// MustDecimal is ParseDecimal for literals; it panics when the text is no number.
func MustDecimal(text string) Decimal { return Decimal{decimal.RequireFromString(text)} }

func (d Decimal) String() string { return d.StringFixed(max(0, -d.Exponent())) }

// MarshalText gives plain digits, never an exponent.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads plain digits.
func (d *Decimal) UnmarshalText(text []byte) error {
	read, err := ParseDecimal(string(text))
	*d = read
	return err
}

// MarshalJSON gives text: a number would pass through a float somewhere.
func (d Decimal) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads text.
func (d *Decimal) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	return d.UnmarshalText([]byte(text))
}

// Date is a day.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads year, month, day: 2026-01-31.
func ParseDate(text string) (Date, error) {
	read, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no date", text)
	}
	return DateOf(read), nil
}

// DateOf is the day of a moment where its clock is.
func DateOf(moment time.Time) Date {
	year, month, day := moment.Date()
	return Date{year, month, day}
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Compare is negative, zero or positive.
func (d Date) Compare(other Date) int { return strings.Compare(d.String(), other.String()) }

// Time is its first moment in UTC.
func (d Date) Time() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// MarshalText gives year, month, day.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads year, month, day.
func (d *Date) UnmarshalText(text []byte) error {
	read, err := ParseDate(string(text))
	*d = read
	return err
}

// Duration is a span of time in milliseconds. On the wire it is ISO 8601: "PT1H0.5S".
type Duration int64

// DurationOf cuts off what is finer than milliseconds.
func DurationOf(span time.Duration) Duration { return Duration(span.Milliseconds()) }

var iso = regexp.MustCompile(
	`^(-)?P(?:(\d{1,12})W|(?:(\d{1,12})D)?(?:T(?:(\d{1,12})H)?(?:(\d{1,12})M)?(?:(\d{1,12})(?:\.(\d{1,9}))?S)?)?)$`)

// ParseDuration reads ISO 8601 without years and months, whose length varies.
func ParseDuration(text string) (Duration, error) {
	match := iso.FindStringSubmatch(text)
	if match == nil || strings.Join(match[2:7], "") == "" {
		return 0, fmt.Errorf("%q is no duration", text)
	}
	millis := 0.0
	for i, unit := range []float64{7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000} {
		number, _ := strconv.ParseInt("0"+match[2+i], 10, 64) // digits by the pattern
		millis += float64(number) * unit
	}
	if millis > 86_400_000*999_999_999 {
		return 0, fmt.Errorf("%q is too long", text)
	}
	fraction, _ := strconv.Atoi((match[7] + "000")[:3])
	span := Duration(int64(millis) + int64(fraction))
	if match[1] != "" {
		span = -span
	}
	return span, nil
}

// Std is the span as Go's own type; one of more than 292 years is cut.
func (d Duration) Std() time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(max(-most, min(most, int64(d)))) * time.Millisecond
}

// String is ISO 8601; hours are not folded into days.
func (d Duration) String() string {
	sign, millis := "", int64(d)
	if millis < 0 {
		sign, millis = "-", -millis
	}
	hours, minutes := millis/3_600_000, millis/60_000%60
	seconds, fraction := millis/1000%60, millis%1000
	var text strings.Builder
	text.WriteString(sign + "PT")
	if hours > 0 {
		fmt.Fprintf(&text, "%dH", hours)
	}
	if minutes > 0 {
		fmt.Fprintf(&text, "%dM", minutes)
	}
	if seconds > 0 || fraction > 0 || millis == 0 || hours+minutes == 0 {
		text.WriteString(strconv.FormatInt(seconds, 10))
		if fraction > 0 {
			text.WriteString("." + strings.TrimRight(fmt.Sprintf("%03d", fraction), "0"))
		}
		text.WriteString("S")
	}
	return text.String()
}

// MarshalText gives ISO 8601.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads ISO 8601.
func (d *Duration) UnmarshalText(text []byte) error {
	read, err := ParseDuration(string(text))
	*d = read
	return err
}

// JSON is a value of any shape, kept as its text.
type JSON = json.RawMessage
