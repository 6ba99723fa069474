// Package chassis is the reliability of a generated service in Go: what a service would otherwise write again and
// again, and get wrong once.
//
// Its tables, headers, record format, states, metrics and admin API are the same in every language of a fleet. A
// service describes itself by its facts (gen/facts.json) and its handlers (package service); package process runs it.
//
// What happens to a command, in order: httpapi (token, Idempotency-Key, deadline) opens a unit of work (database);
// execute calls the handler; outbox puts its event into an envelope; at the end of the transaction the envelopes are
// appended, sorted by topic and key; relay carries them to Kafka. On the other side consumer reads, inbox lets each record
// take effect once and in order, and recovery takes over what failed.
//
// Imports go one way, from process down; internal/layers_test.go holds them to it. Decisions (rules, saga/machine) know
// no server: what they need of the world is an argument, so recorded decisions can be replayed (cmd/chassis).
//
// Built with the tag `conformance`, a service obeys FLEET_CRASH_AT, FLEET_PAUSE_AT and FLEET_CLOCK_OFFSET_FILE at the
// labelled points of package faults. In any other build a point is nothing.
package chassis

// Version of the chassis. A service says in its facts which one it needs at least.
const Version = "1.0.0"
