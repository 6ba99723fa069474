// Package domain is what a domain function answers: a decision with the new state and its event, or an error that changes
// nothing. A domain imports this package, its messages and package values, nothing else.
package domain

import (
	"errors"
	"fmt"
	"strings"

	"chassis/message"
)

// Decision is what became of a command: store the state, publish the event. The event may be the command's rejection,
// which is a decision, too.
type Decision[S any] struct {
	State S
	Event message.Message
}

// Decide is a decision.
func Decide[S any](state S, event message.Message) (Decision[S], error) {
	return Decision[S]{state, event}, nil
}

// InvariantViolated: what must hold would not hold any more. Text is the invariant as the specification words it.
type InvariantViolated struct{ Text string }

// IllegalState: the aggregate is in a state in which the command is not allowed.
type IllegalState struct {
	Command string
	State   string
	Allowed []string
}

// NotFound: there is no aggregate of that kind and key.
type NotFound struct{ What, Key string }

// Conflict: somebody else was first; the key is taken, or the aggregate changed since it was read.
type Conflict struct{ Text string }

func (e *InvariantViolated) Error() string { return "must hold: " + e.Text }

func (e *IllegalState) Error() string {
	wanted := ""
	if len(e.Allowed) > 0 {
		wanted = ", only in " + strings.Join(e.Allowed, " or ")
	}
	return fmt.Sprintf("%s is not allowed in state %s%s", e.Command, e.State, wanted)
}

func (e *NotFound) Error() string { return fmt.Sprintf("there is no %s %s", e.What, e.Key) }

func (e *Conflict) Error() string { return e.Text }

// IsDomainError tells whether a command cannot be carried out and leaves no trace, whatever is tried.
func IsDomainError(err error) bool {
	var (
		violated *InvariantViolated
		illegal  *IllegalState
		missing  *NotFound
		conflict *Conflict
	)
	return errors.As(err, &violated) || errors.As(err, &illegal) || errors.As(err, &missing) || errors.As(err, &conflict)
}
