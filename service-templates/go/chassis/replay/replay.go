// Package replay holds the decisions of this chassis against recorded ones: traces that every chassis, whatever its
// language, must reproduce.
package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Trace is one line of a file: decisions of one core, one after the other. All times are whole milliseconds.
type Trace struct {
	Core   string          `json:"core"`
	Name   string          `json:"name"`
	Config json.RawMessage `json:"config"`
	Steps  []Step          `json:"steps"`
}

// Step is one decision. State is absent where the step goes on from the one before; Next is absent for cores that keep no
// state.
type Step struct {
	Now     int64                      `json:"now"`
	State   json.RawMessage            `json:"state"`
	Input   map[string]json.RawMessage `json:"input"`
	Next    json.RawMessage            `json:"next"`
	Effects json.RawMessage            `json:"effects"`
}

// effect has one member: its kind, and its fields.
type effect map[string]any

// decider decides one step. next is nil for cores that keep no state.
type decider interface {
	decide(state json.RawMessage, kind string, fields json.RawMessage, now int64) (next any, effects []effect, err error)
}

// stateless is a decider whose state is in the trace.
type stateless func(state json.RawMessage, kind string, fields json.RawMessage, now int64) (any, []effect, error)

func (s stateless) decide(state json.RawMessage, kind string, fields json.RawMessage, now int64) (any, []effect, error) {
	return s(state, kind, fields, now)
}

var cores = map[string]func(config json.RawMessage) (decider, error){
	"back-off": backOff, "retry": retry, "retry-topic": retryTopic, "breaker": breaker, "bulkhead": bulkhead,
	"rate-limit": rateLimit, "deadline": deadline, "lease": lease, "relay": relay, "inbox": inbox, "barrier": barrier,
	"orchestration": orchestration, "choreography": choreography, "fulfilment": fulfilment,
}

// Unknown is a core or an input that this chassis does not have.
type Unknown struct{ What string }

func (e Unknown) Error() string { return e.What + " is not known" }

// Disagreement is a step that was decided otherwise.
type Disagreement struct {
	Trace string
	Step  int // from 1
	Want  string
	Got   string
}

func (d Disagreement) String() string {
	return fmt.Sprintf("%s, step %d: wanted %s, got %s", d.Trace, d.Step, d.Want, d.Got)
}

// Tally is what came of a file: how many traces and steps of each core were replayed, and where they disagree.
type Tally struct {
	Traces        map[string]int
	Steps         map[string]int
	Disagreements []Disagreement
}

// File replays the traces of a file, one a line; compressed if its name ends in .gz.
func File(path string) (Tally, error) {
	file, err := os.Open(path)
	if err != nil {
		return Tally{}, err
	}
	defer file.Close()
	var lines io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if lines, err = gzip.NewReader(file); err != nil {
			return Tally{}, err
		}
	}
	return All(lines)
}

// All replays the traces of a stream.
func All(lines io.Reader) (Tally, error) {
	tally := Tally{Traces: map[string]int{}, Steps: map[string]int{}}
	reader := bufio.NewReader(lines)
	for {
		line, err := reader.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if err := tally.replay(line); err != nil {
				return tally, err
			}
		}
		if errors.Is(err, io.EOF) {
			return tally, nil
		}
		if err != nil {
			return tally, err
		}
	}
}

func (t *Tally) replay(line []byte) error {
	var trace Trace
	if err := json.Unmarshal(line, &trace); err != nil {
		return err
	}
	begin := cores[trace.Core]
	if begin == nil {
		return Unknown{"core " + trace.Core}
	}
	core, err := begin(trace.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", trace.Name, err)
	}
	t.Traces[trace.Core]++
	var state json.RawMessage
	for number, step := range trace.Steps {
		t.Steps[trace.Core]++
		if step.State != nil {
			state = step.State
		}
		agreed, err := t.step(trace, number+1, core, state)
		if err != nil {
			return fmt.Errorf("%s, step %d: %w", trace.Name, number+1, err)
		}
		if !agreed {
			return nil // what follows follows from it
		}
		state = step.Next
	}
	return nil
}

func (t *Tally) step(trace Trace, number int, core decider, state json.RawMessage) (agreed bool, err error) {
	step := trace.Steps[number-1]
	if len(step.Input) != 1 {
		return false, Unknown{"an input of several kinds"}
	}
	kind := slices.Collect(maps.Keys(step.Input))[0]
	next, effects, err := core.decide(state, kind, step.Input[kind], step.Now)
	if err != nil {
		return false, err
	}
	if effects == nil {
		effects = []effect{}
	}
	wanted := map[string]json.RawMessage{"effects": step.Effects}
	got := map[string]any{"effects": effects}
	if step.Next != nil {
		wanted["next"], got["next"] = step.Next, next
	}
	one, err := canonical(wanted)
	if err != nil {
		return false, err
	}
	other, err := canonical(got)
	if err != nil {
		return false, err
	}
	if !reflect.DeepEqual(one, other) {
		t.Disagreements = append(t.Disagreements, Disagreement{trace.Name, number, text(one), text(other)})
		return false, nil
	}
	return true, nil
}

// canonical is a JSON value whose numbers keep their digits.
func canonical(value any) (any, error) {
	written, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var read any
	return read, decode(written, &read)
}

func text(value any) string {
	written, _ := json.Marshal(value) // came from JSON
	return string(written)
}

func decode(written []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(written))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// read decodes fields of an input or a state into a type of its own.
func read[T any](written json.RawMessage) (value T, err error) {
	if len(written) > 0 {
		err = decode(written, &value)
	}
	return value, err
}
