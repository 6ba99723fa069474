// Package chassis is the reliability of a generated service in Go: what a service would otherwise write again and
// again, and get wrong once.
//
// Its tables, headers, record format, states, metrics and admin API are the same in every language of a fleet. A
// service describes itself by its facts (gen/facts.json) and its handlers; see package service.
//
// Imports go one way:
//
//	process > composition > httpapi, subscriber, relay > inbox, saga > outbox, codec > database > message > the rest
//
// Packages that decide (relay/rules.go, inbox/rules.go, lease/rules.go, retry, resilience, saga) know no server: what
// they need of the world is an argument.
package chassis

// Version of the chassis. A service says in its facts which one it needs at least.
const Version = "1.0.0"
