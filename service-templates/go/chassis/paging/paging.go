// Package paging gives long results in pages.
package paging

// How many items a page has.
const (
	LimitDefault = 50
	LimitMost    = 200
)

// Request asks for the items behind the key After; empty for the first page.
type Request struct {
	After string
	Limit int
}

// Page of items in key order. Next is the After of the next page, nil on the last one.
type Page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}
