// Package internal_test holds the imports of the chassis to its layers.
package internal_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers from above to below: a package imports only what stands in a lower line.
var layers = [][]string{
	{"internal/tiny/tinyservice"},
	{"process"},
	{"desk", "cmd/chassis"},
	{"httpapi", "peers", "reactions", "recovery", "relay", "schedule", "internal/tiny", "replay"},
	{"saga", "consumer", "internal/lab"},
	{"execute", "inbox", "outbox"},
	{"aggregates", "codec", "eventlog", "kafka", "migrations", "service", "tracing", "saga/machine"},
	{"dispatch", "telemetry", "registry", "wire"},
	{"database", "domain", "settings"},
	{"faults", "message", "rules"},
	{"identity", "values", "paging", "definition"},
	{"clock", ""},
}

// Decisions know no server: they take what they need of the world as arguments.
var decisions = []string{"rules", "saga/machine", "domain", "values", "wire", "definition", "message", "paging"}

var servers = []string{"net/http", "github.com/jackc/", "github.com/twmb/", "go.opentelemetry.io/", "os", "log/slog"}

func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	listed, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "chassis/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(listed)) {
		fields := strings.Fields(line)
		imports[own(fields[0])] = fields[1:]
	}
	return imports
}

func own(path string) string { return strings.TrimPrefix(strings.TrimPrefix(path, "chassis"), "/") }

func TestImportsGoDownOnly(t *testing.T) {
	line := map[string]int{}
	for number, layer := range layers {
		for _, each := range layer {
			line[each] = number
		}
	}
	imports := importsOf(t)
	for of, imported := range imports {
		at, known := line[of]
		if !known {
			if of != "internal" {
				t.Errorf("%s stands in no layer", of)
			}
			continue
		}
		for _, each := range imported {
			if strings.HasPrefix(each, "chassis") && line[own(each)] <= at {
				t.Errorf("%s imports %s, which is not below it", of, own(each))
			}
		}
	}
	for of := range line {
		if _, exists := imports[of]; !exists {
			t.Errorf("there is no package %s", of)
		}
	}
}

func TestDecisionsKnowNoServer(t *testing.T) {
	imports := importsOf(t)
	for _, of := range decisions {
		for _, each := range imports[of] {
			if slices.ContainsFunc(servers, func(server string) bool {
				return each == server || strings.HasSuffix(server, "/") && strings.HasPrefix(each, server)
			}) {
				t.Errorf("%s imports %s", of, each)
			}
		}
	}
}
