// Package definition is what the chassis reads of a service's facts (gen/facts.json).
//
// Unknown keys are ignored: facts only grow, and an older chassis must read newer ones. Times are seconds.
package definition

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Name in the spellings that are needed: Text is the one on the wire.
type Name struct {
	Text   string `json:"text"`
	Snake  string `json:"snake"`
	Kebab  string `json:"kebab"`
	Pascal string `json:"pascal"`
	Camel  string `json:"camel"`
}

// Type is a neutral type of the specification. Of is set for kinds that hold others.
type Type struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
	Of    *Type  `json:"of"`
}

// Field of a message or aggregate.
type Field struct {
	Name      Name   `json:"name"`
	Type      Type   `json:"type"`
	Sensitive string `json:"sensitive"`
}

// Value is a value object.
type Value struct {
	Name   Name    `json:"name"`
	Fields []Field `json:"fields"`
}

// Aggregate of the service. Table is the SQL table, to be quoted.
type Aggregate struct {
	Name         Name     `json:"name"`
	Table        string   `json:"table"`
	Key          Field    `json:"key"`
	KeyGenerated bool     `json:"key_generated"`
	Fields       []Field  `json:"fields"`
	States       []string `json:"states"`
	Topic        string   `json:"topic"`
}

// Limits are figures of the platform.
type Limits struct {
	BreakerFailures     int     `json:"breaker_failures"`
	BreakerOpen         float64 `json:"breaker_open"`
	TimeoutInternal     float64 `json:"timeout_internal"`
	TimeoutExternal     float64 `json:"timeout_external"`
	RetryAttempts       int     `json:"retry_attempts"`
	BulkheadConcurrent  int     `json:"bulkhead_concurrent"`
	BulkheadQueued      int     `json:"bulkhead_queued"`
	RateLimitPerMinute  int     `json:"rate_limit_per_minute"`
	DeadLetterAttempts  int     `json:"dead_letter_attempts"`
	DeadLetterRetention float64 `json:"dead_letter_retention"`
	OnDeadLetter        string  `json:"on_dead_letter"` // hold or advance
}

// ChassisNeed is the oldest chassis that will do.
type ChassisNeed struct {
	Language string `json:"language"`
	Least    string `json:"least"`
}

// Peer is a service that is called synchronously.
type Peer struct {
	Name     Name     `json:"name"`
	Commands []string `json:"commands"`
}

// Schedule is a command by the clock: five cron fields in UTC.
type Schedule struct {
	Command Name   `json:"command"`
	Cron    string `json:"cron"`
}

// Definition is one service, as its facts describe it.
type Definition struct {
	Facts           string         `json:"facts"`
	Fleet           string         `json:"fleet"`
	Name            Name           `json:"name"`
	Package         string         `json:"package"`
	Title           string         `json:"title"`
	Context         string         `json:"context"`
	Chassis         ChassisNeed    `json:"chassis"`
	Source          string         `json:"source"`
	Exposure        string         `json:"exposure"`
	Values          []Value        `json:"values"`
	Aggregates      []Aggregate    `json:"aggregates"`
	Commands        []Command      `json:"commands"`
	Queries         []Query        `json:"queries"`
	Events          []Event        `json:"events"`
	ForeignEvents   []Event        `json:"foreign_events"`
	ForeignCommands []Command      `json:"foreign_commands"`
	Policies        []Policy       `json:"policies"`
	Observes        []Name         `json:"observes"`
	ReadModels      []Projection   `json:"read_models"`
	Copies          []Projection   `json:"copies"`
	Translations    []Translation  `json:"translations"`
	Schedules       []Schedule     `json:"schedules"`
	Subscriptions   []Subscription `json:"subscriptions"`
	Topics          []Topic        `json:"topics"`
	RecoveryTopics  []Topic        `json:"recovery_topics"`
	CommandTopic    string         `json:"command_topic"`
	ReplyTopic      string         `json:"reply_topic"`
	Sagas           []Saga         `json:"sagas"`
	Peers           []Peer         `json:"peers"`
	Limits          Limits         `json:"limits"`
	Sampling        float64        `json:"sampling"`
	Redact          []string       `json:"redact"`

	eventsByName   map[string]*Event
	eventsByType   map[string]*Event
	commandsByName map[string]*Command
}

// Read the facts that lie beside the generated code. Whole numbers in values keep their digits.
func Read(facts []byte) (*Definition, error) {
	decoder := json.NewDecoder(bytes.NewReader(facts))
	decoder.UseNumber()
	found := &Definition{Limits: Limits{DeadLetterRetention: 30 * 86_400, OnDeadLetter: "hold"}}
	if err := decoder.Decode(found); err != nil {
		return nil, fmt.Errorf("facts: %w", err)
	}
	found.index()
	return found, nil
}

// index keeps messages by name and by type; own ones go before foreign ones of the same name.
func (d *Definition) index() {
	d.eventsByName, d.eventsByType = map[string]*Event{}, map[string]*Event{}
	d.commandsByName = map[string]*Command{}
	for _, events := range [][]Event{d.ForeignEvents, d.Events} {
		for at := range events {
			d.eventsByName[events[at].Name.Text] = &events[at]
		}
	}
	for _, event := range d.eventsByName {
		d.eventsByType[event.Type] = event
	}
	for _, commands := range [][]Command{d.ForeignCommands, d.Commands} {
		for at := range commands {
			d.commandsByName[commands[at].Name.Text] = &commands[at]
		}
	}
}

// Event of that name, own or foreign; nil when it is not known.
func (d *Definition) Event(name string) *Event { return d.eventsByName[name] }

// EventOfType is the event of that ce_type, own or foreign; nil when it is not known.
func (d *Definition) EventOfType(ceType string) *Event { return d.eventsByType[ceType] }

// Command of that name, own or foreign; nil when it is not known.
func (d *Definition) Command(name string) *Command { return d.commandsByName[name] }

// Saga of that name that the service takes part in; nil when it is not known.
func (d *Definition) Saga(name string) *Saga {
	for at := range d.Sagas {
		if d.Sagas[at].Name.Text == name {
			return &d.Sagas[at]
		}
	}
	return nil
}

// Group is the consumer group.
func (d *Definition) Group() string { return d.Fleet + "." + d.Name.Kebab }

// Projections are read models and copies.
func (d *Definition) Projections() []Projection {
	return append(append([]Projection{}, d.ReadModels...), d.Copies...)
}
