package machine

import (
	"slices"

	"chassis/definition"
)

type version struct {
	saga   string
	number int
}

// Flows are the sagas a service takes part in, in the versions that still run: a saga keeps the version it began with.
// They are filled when a service starts, and only read afterwards.
type Flows struct {
	current []*Flow
	kept    map[version]*Flow
}

// NewFlows are the present versions.
func NewFlows(sagas []definition.Saga) *Flows {
	flows := &Flows{kept: map[version]*Flow{}}
	for _, saga := range sagas {
		flows.current = append(flows.current, NewFlow(saga))
	}
	return flows
}

// Current are the present versions.
func (f *Flows) Current() []*Flow { return f.current }

// All are the versions that are known, the present ones first.
func (f *Flows) All() []*Flow {
	var older []*Flow
	for _, flow := range f.kept {
		older = append(older, flow)
	}
	slices.SortFunc(older, func(one, other *Flow) int {
		if one.Name() != other.Name() {
			if one.Name() < other.Name() {
				return -1
			}
			return 1
		}
		return one.Saga.Version - other.Saga.Version
	})
	return append(slices.Clone(f.current), older...)
}

// Keep makes an older version known, too.
func (f *Flows) Keep(saga definition.Saga) {
	current := f.present(saga.Name.Text)
	if current == nil || current.Saga.Version != saga.Version {
		f.kept[version{saga.Name.Text, saga.Version}] = NewFlow(saga)
	}
}

// Of is that version of a saga, else the present one; nil for a saga that is not known at all.
func (f *Flows) Of(saga string, number int) *Flow {
	if kept := f.kept[version{saga, number}]; kept != nil {
		return kept
	}
	if current := f.present(saga); current != nil {
		return current
	}
	return f.newest(func(flow *Flow) bool { return flow.Name() == saga })
}

// At is the version that a message about a step belongs to: the one it names, else the newest that has the step.
func (f *Flows) At(saga, step string, number int) *Flow {
	if named := f.Of(saga, number); named != nil && named.Seq(step) != 0 {
		return named
	}
	return f.newest(func(flow *Flow) bool { return flow.Name() == saga && flow.Seq(step) != 0 })
}

func (f *Flows) present(saga string) *Flow {
	for _, flow := range f.current {
		if flow.Name() == saga {
			return flow
		}
	}
	return nil
}

func (f *Flows) newest(fits func(*Flow) bool) *Flow {
	var found *Flow
	for _, flow := range f.All() {
		if fits(flow) && (found == nil || flow.Saga.Version > found.Saga.Version) {
			found = flow
		}
	}
	return found
}
