// Package settings reads the settings of the process from its environment. All that is wrong is said at once.
package settings

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"chassis/definition"
)

// Auth is whose tokens are accepted, and how this service gets its own (TokenURL is empty when it calls no peer).
type Auth struct {
	Issuer       string
	JWKSURL      string
	Audience     string
	Production   bool
	TokenURL     string
	ClientID     string
	ClientSecret string
}

// Settings are everything the process takes from outside.
type Settings struct {
	Environment    string // development or production
	DatabaseURL    string
	KafkaBootstrap string
	RegistryURL    string
	HTTPHost       string
	HTTPPort       int
	AdminPort      int
	Auth           Auth
	Peers          map[string]string // base URL by name of the service
	OTLPEndpoint   string
	Sampling       float64
	LogLevel       string
	// Instance names this process, in leases for example.
	Instance string
	// Member is the name under which it comes back to its consumer group after a restart, at once and without a rebalance:
	// each instance must have its own, or none.
	Member string
}

// IsProduction tells whether this is no development environment.
func (s *Settings) IsProduction() bool { return s.Environment == "production" }

// Error says what is missing or wrong: one line each.
type Error struct{ Problems []string }

func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }

type reader struct {
	get      func(string) string
	problems []string
}

// Read gives the settings, or an *Error with everything that is missing or wrong.
func Read(get func(string) string, facts *definition.Definition) (*Settings, error) {
	in := &reader{get: get}
	callsPeers := len(facts.Peers) > 0
	web := []string{"http", "https"}
	environment := in.choice("FLEET_ENV", "development", "production")
	read := &Settings{
		Environment:    environment,
		DatabaseURL:    in.url("DATABASE_URL", true, "postgresql", "postgres"),
		KafkaBootstrap: in.text("KAFKA_BOOTSTRAP", true),
		RegistryURL:    in.url("SCHEMA_REGISTRY_URL", true, web...),
		HTTPHost:       or(get("HTTP_HOST"), "127.0.0.1"),
		HTTPPort:       in.port("HTTP_PORT"),
		AdminPort:      in.port("ADMIN_PORT"),
		Auth: Auth{
			Issuer:       in.url("AUTH_ISSUER", true, web...),
			JWKSURL:      in.url("AUTH_JWKS_URL", true, web...),
			Audience:     or(get("AUTH_AUDIENCE"), facts.Fleet),
			Production:   environment == "production",
			TokenURL:     in.url("AUTH_TOKEN_URL", callsPeers, web...),
			ClientID:     in.text("AUTH_CLIENT_ID", callsPeers),
			ClientSecret: in.text("AUTH_CLIENT_SECRET", callsPeers),
		},
		Peers:        map[string]string{},
		OTLPEndpoint: in.url("OTEL_EXPORTER_OTLP_ENDPOINT", false, web...),
		Sampling:     in.share("FLEET_SAMPLING", facts.Sampling),
		LogLevel:     in.choice("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR"),
		Instance:     facts.Name.Kebab + "-" + strings.ReplaceAll(uuid.NewString(), "-", "")[:12],
	}
	for _, peer := range facts.Peers {
		read.Peers[peer.Name.Text] = in.url(PeerVariable(peer.Name.Text), true, web...)
	}
	instance := get("FLEET_INSTANCE")
	if instance == "" && environment == "development" {
		instance = "0"
	}
	if instance != "" {
		read.Member = facts.Group() + "-" + instance
	}
	in.judge(read)
	if len(in.problems) > 0 {
		return nil, &Error{in.problems}
	}
	return read, nil
}

// PeerVariable names the setting of a peer's address: customer-profile has PEER_CUSTOMER_PROFILE_URL.
func PeerVariable(name string) string {
	return "PEER_" + strings.ReplaceAll(strings.ToUpper(name), "-", "_") + "_URL"
}

// judge checks what depends on several settings: in production the issuer and its keys come over TLS, from another host.
func (r *reader) judge(read *Settings) {
	if read.HTTPPort != 0 && read.HTTPPort == read.AdminPort {
		r.fault("ADMIN_PORT is %d, the same as HTTP_PORT: they must differ", read.AdminPort)
	}
	if !read.IsProduction() {
		return
	}
	for _, each := range [][2]string{{"AUTH_ISSUER", read.Auth.Issuer}, {"AUTH_JWKS_URL", read.Auth.JWKSURL}} {
		at, err := url.Parse(each[1])
		if each[1] == "" || err != nil {
			continue
		}
		if at.Scheme != "https" || slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, at.Hostname()) {
			r.fault("%s is %s: the development issuer is refused when FLEET_ENV=production", each[0], each[1])
		}
	}
}

func (r *reader) fault(format string, values ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, values...))
}

func (r *reader) text(variable string, needed bool) string {
	value := strings.TrimSpace(r.get(variable))
	if value == "" && needed {
		r.fault("%s is not set", variable)
	}
	return value
}

// url never repeats the value: it may hold a password.
func (r *reader) url(variable string, needed bool, schemes ...string) string {
	value := r.text(variable, needed)
	if value == "" {
		return ""
	}
	at, err := url.Parse(value)
	if err != nil || !slices.Contains(schemes, at.Scheme) {
		r.fault("%s is not a URL that begins with %s://", variable, strings.Join(schemes, ":// or "))
		return ""
	}
	if slices.Contains(schemes, "http") && variable != "AUTH_ISSUER" {
		return strings.TrimRight(value, "/")
	}
	return value
}

func (r *reader) port(variable string) int {
	value := r.text(variable, true)
	if value == "" {
		return 0
	}
	number, err := strconv.ParseUint(value, 10, 16)
	if err != nil || number == 0 {
		r.fault("%s is %q: not a port from 1 to 65535", variable, value)
	}
	return int(number)
}

func (r *reader) share(variable string, otherwise float64) float64 {
	value := strings.TrimSpace(r.get(variable))
	if value == "" {
		return otherwise
	}
	share, err := strconv.ParseFloat(value, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		r.fault("%s is %q: not a share from 0 to 1", variable, value)
	}
	return share
}

// choice is one of the values; the first when nothing is said.
func (r *reader) choice(variable string, values ...string) string {
	value := or(strings.TrimSpace(r.get(variable)), values[0])
	if !slices.Contains(values, value) {
		r.fault("%s is %q: not one of %s", variable, value, strings.Join(values, ", "))
	}
	return value
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
