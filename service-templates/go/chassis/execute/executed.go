// Package execute carries out one command inside a unit of work: shared by HTTP, policies, schedules and sagas.
package execute

import (
	"context"

	"github.com/google/uuid"

	"chassis/database"
	"chassis/definition"
)

// Executed is what became of a command: its event as it goes on the wire, and whether that is the command's rejection.
// SagaID is set when the command started a saga.
type Executed struct {
	EventName string
	EventWire map[string]any
	Rejected  bool
	SagaID    *uuid.UUID
}

// SagaStarter begins a saga whose first step has just been carried out, in the same transaction. It gives the id of the
// live saga with the same business key if there is one already.
type SagaStarter interface {
	Start(ctx context.Context, work *database.Work, saga definition.Saga, sagaID uuid.UUID, payload map[string]any,
		executed Executed) (uuid.UUID, error)
}
