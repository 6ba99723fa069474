package aggregates

import (
	"context"

	"chassis/database"
	"chassis/paging"
)

// Repository keeps the aggregates of one kind: a Table, or a Memory in tests. Methods see only what their unit of work
// sees.
type Repository[T any] interface {
	// Add stores a new aggregate; a *domain.Conflict says that its key is taken.
	Add(ctx context.Context, work *database.Work, state T) error
	// Get gives the aggregate, locked until the transaction ends; a *domain.NotFound says that there is none.
	Get(ctx context.Context, work *database.Work, key any) (T, error)
	// Read gives the aggregate as it is, for a query: nothing is locked.
	Read(ctx context.Context, work *database.Work, key any) (T, error)
	// Save stores what became of an aggregate; a *domain.Conflict says that it changed since this unit of work read it.
	Save(ctx context.Context, work *database.Work, state T) error
	// Find gives the keys, in order, of those whose field equals the value.
	Find(ctx context.Context, work *database.Work, field string, value any) ([]any, error)
	// Page gives those that match all filters that are not nil, in key order.
	Page(ctx context.Context, work *database.Work, filters map[string]any, page paging.Request) (paging.Page[T], error)
}
