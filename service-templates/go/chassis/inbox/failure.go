package inbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"chassis/database"
	"chassis/domain"
	"chassis/message"
)

const mostText = 2000

// ErrUnavailable says that nothing can be handled, parked or forwarded now: the records must wait where they are.
var ErrUnavailable = errors.New("the inbox must wait")

// Failure is why a record could not be handled.
type Failure struct {
	Kind    string // as in the header dlq_reason
	Text    string // "kind: Class: message", for people and for the dead letter
	InPlace bool   // it may work a moment later, so it is tried again at once
	Final   bool   // it will never work
	Counts  bool   // it says something about the record; not so when a server of others is away
}

// External is implemented by errors of servers of others that are away: the record is not to blame. Kind is as in
// dlq_reason; those that were tried often enough already are not tried again in place.
type External interface {
	error
	External() (kind string, inPlace bool)
}

// Judge classifies the error of a handler. The second result is ErrUnavailable when the database itself is away.
func Judge(reason error) (Failure, error) {
	var (
		away      *database.Unavailable
		permanent *message.PermanentFailure
		invalid   *message.Invalid
		external  External
		refused   *pgconn.PgError
	)
	switch {
	case errors.As(reason, &away), errors.As(reason, &refused) && isAway(refused.Code):
		return Failure{}, fmt.Errorf("%w: %w", ErrUnavailable, reason)
	case errors.As(reason, &permanent):
		return failure(permanent.Reason, reason, Failure{Final: true, Counts: true}), nil
	case errors.As(reason, &invalid):
		return failure(message.Validation, reason, Failure{Final: true, Counts: true}), nil
	case domain.IsDomainError(reason): // may heal when another message arrives, not within milliseconds
		return failure(message.Handling, reason, Failure{Counts: true}), nil
	case errors.As(reason, &external):
		kind, inPlace := external.External()
		return failure(kind, reason, Failure{InPlace: inPlace}), nil
	case errors.Is(reason, context.DeadlineExceeded), refused != nil && refused.Code == "57014":
		return failure(message.Timeout, reason, Failure{InPlace: true, Counts: true}), nil
	}
	return failure(message.Handling, reason, Failure{InPlace: true, Counts: true}), nil
}

// isAway tells whether a code of PostgreSQL is about the server, not about the statement: it shuts down or starts, lacks
// resources, or its system fails.
func isAway(code string) bool {
	switch code {
	case "57P01", "57P02", "57P03", "57P05", "25P03":
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "58")
}

func failure(kind string, reason error, as Failure) Failure {
	text := fmt.Sprintf("%s: %s: %s", kind, class(reason), reason)
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	for len(text) > mostText {
		text = text[:mostText]
		for !utf8.ValidString(text) {
			text = text[:len(text)-1]
		}
	}
	as.Kind, as.Text = kind, text
	return as
}

// class is the name of the innermost error's type that says something.
func class(reason error) string {
	for {
		inner := errors.Unwrap(reason)
		if inner == nil {
			break
		}
		reason = inner
	}
	name := fmt.Sprintf("%T", reason)
	name = name[strings.LastIndexAny(name, "*.")+1:]
	switch name {
	case "errorString", "wrapError", "joinError":
		return "Error"
	}
	return name
}

// panicked is what a handler said when it did not return.
type panicked struct{ said any }

func (p *panicked) Error() string { return fmt.Sprint("panic: ", p.said) }
