package machine

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Role of an event in its step.
type Role string

// An event is a step's success, its refusal, or that of its undoing.
const (
	RoleSucceeded Role = "succeeded"
	RoleRefused   Role = "refused"
	RoleUndone    Role = "undone"
)

// Seen is an event of a step. Index counts from 1; the zero values stand for the only part.
type Seen struct {
	Step    string
	Role    Role
	Payload any
	Index   int
	Total   int
}

// Notice is a word about the saga itself, beside the steps' events.
type Notice struct {
	Type    string
	Step    string
	Force   bool
	History map[string]any
}

func (Seen) isInput()   {}
func (Notice) isInput() {}

// Types of notices.
const (
	Overdue       = "fleet.fulfilment.overdue.v1"
	Undone        = "fleet.saga.undone.v1"
	SkippedNotice = "fleet.saga.skipped.v1"
	RetryNotice   = "fleet.saga.retry.v1"
	StuckNotice   = "fleet.saga.stuck.v1"
	AbortedNotice = "fleet.saga.aborted.v1"
)

// Notices are all types of notices.
var Notices = []string{Overdue, Undone, SkippedNotice, RetryNotice, StuckNotice, AbortedNotice}

// Parts of a step that were seen, by index from 1.
type Parts map[int]any

// History is what has been seen of a choreographed saga, steps by name. Seeing is additive: the order of arrival leaves no
// trace. Participants and the owner's monitor decide on the same history, each on as much of it as reached them.
//
// A step has succeeded or is undone when all its parts are seen. A history is not changed, but followed by another one.
type History struct {
	Inputs    map[string]any // own commands by name
	Succeeded map[string]Parts
	Undone    map[string]Parts
	Totals    map[string]int
	Refused   map[string]any
	Skipped   map[string]bool
	Cleared   map[string]bool // undone by word of a notice: nothing was left to undo
	Overdue   bool
	Forced    bool
	Aborted   bool
}

// See is the history with one more event. Seeing it twice changes nothing.
func (h History) See(seen Seen) History {
	seen.Index, seen.Total = max(1, seen.Index), max(1, seen.Total)
	switch seen.Role {
	case RoleRefused:
		h.Refused = added(h.Refused, seen.Step, seen.Payload)
		return h
	case RoleSucceeded:
		h.Succeeded = addedPart(h.Succeeded, seen)
	default:
		h.Undone = addedPart(h.Undone, seen)
	}
	h.Totals = added(h.Totals, seen.Step, seen.Total)
	return h
}

// added is the map with one more entry, unless there is one.
func added[V any](known map[string]V, name string, value V) map[string]V {
	if _, has := known[name]; has {
		return known
	}
	all := maps.Clone(known)
	if all == nil {
		all = map[string]V{}
	}
	all[name] = value
	return all
}

func addedPart(known map[string]Parts, seen Seen) map[string]Parts {
	if _, has := known[seen.Step][seen.Index]; has {
		return known
	}
	parts := Parts{seen.Index: seen.Payload}
	maps.Copy(parts, known[seen.Step])
	all := map[string]Parts{}
	maps.Copy(all, known)
	all[seen.Step] = parts
	return all
}

// WithInputs is the history with what an own step was given.
func (h History) WithInputs(step string, inputs any) History {
	all := maps.Clone(h.Inputs)
	if all == nil {
		all = map[string]any{}
	}
	all[step] = inputs
	h.Inputs = all
	return h
}

// Note is the history with one more notice.
func (h History) Note(notice Notice) History {
	switch notice.Type {
	case Overdue:
		h.Overdue, h.Forced = true, h.Forced || notice.Force
	case Undone:
		h.Cleared = added(h.Cleared, notice.Step, true)
	case SkippedNotice:
		h.Skipped = added(h.Skipped, notice.Step, true)
	case AbortedNotice:
		h.Aborted = true
	case RetryNotice:
		return h.merge(HistoryOf(notice.History))
	}
	return h
}

// merge is what either has seen.
func (h History) merge(other History) History {
	return History{
		Inputs: merged(other.Inputs, h.Inputs), Totals: merged(other.Totals, h.Totals),
		Succeeded: mergedParts(h.Succeeded, other.Succeeded), Undone: mergedParts(h.Undone, other.Undone),
		Refused: merged(other.Refused, h.Refused),
		Skipped: merged(other.Skipped, h.Skipped), Cleared: merged(other.Cleared, h.Cleared),
		Overdue: h.Overdue || other.Overdue, Forced: h.Forced || other.Forced, Aborted: h.Aborted || other.Aborted,
	}
}

func merged[V any](one, other map[string]V) map[string]V {
	all := map[string]V{}
	maps.Copy(all, one)
	maps.Copy(all, other)
	return all
}

func mergedParts(own, other map[string]Parts) map[string]Parts {
	all := map[string]Parts{}
	for _, parts := range []map[string]Parts{other, own} {
		for step, seen := range parts {
			both := Parts{}
			maps.Copy(both, all[step])
			maps.Copy(both, seen)
			all[step] = both
		}
	}
	return all
}

// isDone: all parts succeeded, or the step is passed over.
func (h History) isDone(step string) bool { return h.Skipped[step] || h.hasRun(step) }

// hasRun: all parts succeeded.
func (h History) hasRun(step string) bool { return h.isWhole(h.Succeeded, step) }

// isUndone: nothing of the step is left.
func (h History) isUndone(step string) bool { return h.Cleared[step] || h.isWhole(h.Undone, step) }

func (h History) isRefused(step string) bool {
	_, refused := h.Refused[step]
	return refused
}

func (h History) isWhole(seen map[string]Parts, step string) bool {
	parts, known := seen[step]
	total, counted := h.Totals[step]
	if !counted {
		total = 1
	}
	return known && len(parts) >= total
}

// data are the messages by name, as bindings read them.
func (h History) data(flow *Flow) map[string]any {
	known := map[string]any{}
	maps.Copy(known, h.Inputs)
	for _, step := range flow.Saga.Steps {
		fansOut := step.ForEach != nil
		if h.hasRun(step.Name) {
			known[step.SucceedsWith] = h.Succeeded[step.Name].payload(fansOut)
		} else if h.Skipped[step.Name] && fansOut {
			known[step.SucceedsWith] = []any{}
		}
		if parts, seen := h.Undone[step.Name]; seen && h.isUndone(step.Name) {
			known[step.UndoneWith] = parts.payload(fansOut)
		}
		if payload, refused := h.Refused[step.Name]; refused {
			known[step.RefusesWith] = payload
		}
	}
	known[Rejection] = h.rejection(flow)
	return known
}

func (p Parts) payload(fansOut bool) any {
	ordered := []any{}
	for _, index := range slices.Sorted(maps.Keys(p)) {
		ordered = append(ordered, p[index])
	}
	if fansOut {
		return ordered
	}
	return ordered[0]
}

func (h History) rejection(flow *Flow) string {
	for _, step := range flow.Saga.Steps {
		if h.isRefused(step.Name) && step.RefusesWith != "" {
			return step.RefusesWith
		} else if h.isRefused(step.Name) {
			break
		}
	}
	if h.Overdue {
		return "timeout"
	}
	return ""
}

// Equal tells whether both have seen the same.
func (h History) Equal(other History) bool { return reflect.DeepEqual(h.JSON(), other.JSON()) }

// JSON is the history as JSON-able data, without what is empty.
func (h History) JSON() map[string]any {
	known := map[string]any{}
	put(known, "inputs", maps.Clone(h.Inputs))
	put(known, "succeeded", partsJSON(h.Succeeded))
	put(known, "undone", partsJSON(h.Undone))
	totals := map[string]any{}
	for step, total := range h.Totals {
		totals[step] = total
	}
	put(known, "totals", totals)
	put(known, "refused", maps.Clone(h.Refused))
	for name, set := range map[string]map[string]bool{"skipped": h.Skipped, "cleared": h.Cleared} {
		if len(set) > 0 {
			list := []any{}
			for _, step := range slices.Sorted(maps.Keys(set)) {
				list = append(list, step)
			}
			known[name] = list
		}
	}
	for name, flag := range map[string]bool{"overdue": h.Overdue, "forced": h.Forced, "aborted": h.Aborted} {
		if flag {
			known[name] = true
		}
	}
	return known
}

func put(known map[string]any, name string, value map[string]any) {
	if len(value) > 0 {
		known[name] = value
	}
}

func partsJSON(seen map[string]Parts) map[string]any {
	all := map[string]any{}
	for step, parts := range seen {
		payloads := map[string]any{}
		for index, payload := range parts {
			payloads[strconv.Itoa(index)] = payload
		}
		all[step] = payloads
	}
	return all
}

// HistoryOf is the history that History.JSON wrote.
func HistoryOf(data map[string]any) History {
	history := History{
		Inputs: object(data["inputs"]), Succeeded: partsOf(data["succeeded"]), Undone: partsOf(data["undone"]),
		Totals: map[string]int{}, Refused: object(data["refused"]), Skipped: setOf(data["skipped"]),
		Cleared: setOf(data["cleared"]), Overdue: data["overdue"] == true, Forced: data["forced"] == true,
		Aborted: data["aborted"] == true,
	}
	for step, total := range object(data["totals"]) {
		history.Totals[step] = whole(total)
	}
	return history
}

func object(value any) map[string]any {
	fields, _ := value.(map[string]any)
	return fields
}

func partsOf(value any) map[string]Parts {
	all := map[string]Parts{}
	for step, payloads := range object(value) {
		parts := Parts{}
		for text, payload := range object(payloads) {
			if index, err := strconv.Atoi(text); err == nil {
				parts[index] = payload
			}
		}
		all[step] = parts
	}
	return all
}

func setOf(value any) map[string]bool {
	set := map[string]bool{}
	list, _ := value.([]any)
	for _, each := range list {
		if step, isText := each.(string); isText {
			set[step] = true
		}
	}
	return set
}

// whole is a whole number however it was decoded.
func whole(value any) int {
	switch number := value.(type) {
	case int:
		return number
	case float64:
		return int(number)
	case interface{ Int64() (int64, error) }: // json.Number
		count, _ := number.Int64()
		return int(count)
	}
	return 0
}
