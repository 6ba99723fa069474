package saga

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"chassis/database"
	"chassis/definition"
	"chassis/saga/machine"
)

// A service keeps every version of a saga it ever started with. A version that has live instances must not lose or move
// steps, and everything its steps need must still be there.

const (
	selectDefinitions = `SELECT definition FROM saga_definition ORDER BY saga_type, version`
	selectPassed      = `
SELECT saga_type, definition_version, array_agg(DISTINCT name) FROM saga_instance JOIN saga_step USING (saga_id)
 WHERE saga_instance.status IN ('running', 'compensating', 'stuck')
 GROUP BY saga_type, definition_version ORDER BY saga_type, definition_version`
	storeDefinition = `
INSERT INTO saga_definition AS d (saga_type, version, definition) VALUES ($1, $2, $3)
ON CONFLICT (saga_type, version) DO UPDATE SET definition = excluded.definition, stored_at = now()
 WHERE d.definition <> excluded.definition`
)

// DefinitionMismatch: live sagas could not go on with the definitions that are there; the service must not start.
type DefinitionMismatch struct{ Faults []string }

func (e *DefinitionMismatch) Error() string { return strings.Join(e.Faults, "; ") }

type sagaVersion struct {
	saga    string
	version int
}

func (v sagaVersion) String() string { return fmt.Sprintf("%s version %d", v.saga, v.version) }

// passed are the names of the commands at which live sagas of a version have been.
type passed struct {
	of    sagaVersion
	steps []string
}

// Check takes up the versions that still run, and keeps the present ones for later. The error is a DefinitionMismatch when
// live sagas could not go on.
func (e *Engine) Check(ctx context.Context, work *database.Work) error {
	known, err := storedDefinitions(ctx, work)
	if err != nil {
		return err
	}
	running, err := runningVersions(ctx, work)
	if err != nil {
		return err
	}
	if faults := faultsOf(e.ports.definition, known, running); len(faults) > 0 {
		return &DefinitionMismatch{faults}
	}
	for _, saga := range e.ports.definition.Sagas {
		text, err := encoded(saga)
		if err != nil {
			return err
		}
		if _, err := work.Tx().Exec(ctx, storeDefinition, saga.Name.Text, saga.Version, text); err != nil {
			return err
		}
	}
	for _, saga := range known {
		e.ports.flows.Keep(saga)
	}
	return nil
}

func storedDefinitions(ctx context.Context, work *database.Work) (map[sagaVersion]definition.Saga, error) {
	rows, err := work.Tx().Query(ctx, selectDefinitions)
	if err != nil {
		return nil, err
	}
	found := map[sagaVersion]definition.Saga{}
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
		var saga definition.Saga
		if err := decoded(text, &saga); err != nil {
			return err
		}
		found[sagaVersion{saga.Name.Text, saga.Version}] = saga
		return nil
	})
	return found, err
}

func runningVersions(ctx context.Context, work *database.Work) ([]passed, error) {
	rows, err := work.Tx().Query(ctx, selectPassed)
	if err != nil {
		return nil, err
	}
	var found []passed
	var one passed
	_, err = pgx.ForEachRow(rows, []any{&one.of.saga, &one.of.version, &one.steps}, func() error {
		found = append(found, passed{one.of, slices.Clone(one.steps)})
		return nil
	})
	return found, err
}

// faultsOf says in words why the service must not start; nothing when it may.
func faultsOf(facts *definition.Definition, known map[sagaVersion]definition.Saga, running []passed) []string {
	var faults []string
	for _, live := range running {
		before, isKnown := known[live.of]
		saga, isCurrent := before, false
		if current := facts.Saga(live.of.saga); current != nil && current.Version == live.of.version {
			saga, isCurrent = *current, true
		}
		if isKnown && isCurrent {
			faults = append(faults, moved(live.of, before, saga)...)
		}
		if !isKnown && !isCurrent {
			faults = append(faults, live.of.String()+": its definition is not known")
			continue
		}
		if gone := without(live.steps, stepNames(saga)); len(gone) > 0 {
			faults = append(faults, fmt.Sprintf("%s: its steps %s are gone", live.of, strings.Join(gone, ", ")))
		}
		if missing := missingIn(facts, saga); len(missing) > 0 {
			faults = append(faults, fmt.Sprintf("%s: %s are not known any more", live.of, strings.Join(missing, ", ")))
		}
	}
	return faults
}

func stepNames(saga definition.Saga) []string {
	var names []string
	for _, step := range saga.Steps {
		names = append(names, step.Name, step.Undo)
	}
	return names
}

func without(names, those []string) []string {
	var left []string
	for _, name := range names {
		if !slices.Contains(those, name) {
			left = append(left, name)
		}
	}
	return slices.Sorted(slices.Values(left))
}

// moved: steps have numbers, so new ones may only be added behind the others.
func moved(of sagaVersion, before, now definition.Saga) []string {
	var was, is []string
	for _, step := range before.Steps {
		was = append(was, step.Name)
	}
	for _, step := range now.Steps {
		is = append(is, step.Name)
	}
	if len(is) >= len(was) && slices.Equal(is[:len(was)], was) {
		return nil
	}
	what := "its steps were moved"
	if lost := without(was, is); len(lost) > 0 {
		what = fmt.Sprintf("steps %s were removed", strings.Join(lost, ", "))
	}
	return []string{fmt.Sprintf("%s: %s; raise the saga's version instead", of, what)}
}

// missingIn is what the conductor or watcher of the saga must know to send its commands or hear its events, and does not.
func missingIn(facts *definition.Definition, saga definition.Saga) []string {
	if saga.Owner != facts.Name.Kebab {
		return nil
	}
	var missing []string
	for _, step := range saga.Steps {
		names := []string{step.SucceedsWith, step.RefusesWith, step.UndoneWith}
		if saga.Mode == machine.Orchestration {
			names = []string{step.Name, step.Undo}
		}
		for _, name := range names {
			known := facts.Event(name) != nil
			if saga.Mode == machine.Orchestration {
				known = facts.Command(name) != nil
			}
			if name != "" && !known {
				missing = append(missing, name)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(missing)))
}
