"""The runs themselves: from an input to a verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetgen.facts.schema import CommandFact, PrerequisiteFact, SagaFact, ScenarioFact
from fleetgen.runtime.events import Listener, Note, RuntimeProblem, silent
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.monorepo import LocalFleet, LocalService, read_monorepo
from fleetgen.runtime.smoke.caller import Caller, Done, Refused
from fleetgen.runtime.smoke.counting import EventCounter
from fleetgen.runtime.smoke.expected import event_topics, event_types, expected_events, participants
from fleetgen.runtime.smoke.result import Check, SmokeResult, SmokeRun
from fleetgen.runtime.smoke.trace import Context, SpanTree, gather, new_context, tree_of
from fleetgen.runtime.smoke.values import Fresh, aggregate_of, natural_keys
from fleetgen.runtime.state import FleetState, running_state

TERMINAL = frozenset({"completed", "compensated", "aborted"})
_LOOK = 0.05
_QUIET = 1.2  # longer than the pause between two exports of a service in development
_SPANS_LIMIT = 15.0
_PUBLISHED = 10.0
_BRIEFLY = 2.0  # where the saga went wrong anyway
PATIENCE = 90.0  # a saga of an example takes a second; its own time limit may be minutes


def smoke(root: Path, on_event: Listener = silent, patience: float = PATIENCE) -> SmokeResult:
    """Carry out every scenario of every saga; a fleet without sagas: one command of each service.

    A saga that has not ended after `patience` seconds counts as one that does not end.
    """
    folder = FleetFolder(root)
    fleet, state = read_monorepo(root), running_state(folder)
    with closing(EventCounter(state.addresses["kafka"], event_topics(fleet))) as counter:
        caller = Caller(fleet, state.addresses, folder.secret("mint"))
        bench = _Bench(fleet, state, caller, counter, on_event, patience)
        return SmokeResult(tuple(bench.runs()))


@dataclass(frozen=True)
class _Bench:
    """What all runs share."""

    fleet: LocalFleet
    state: FleetState
    caller: Caller
    counter: EventCounter
    listen: Listener
    patience: float

    def runs(self) -> Iterator[SmokeRun]:
        sagas = self.fleet.sagas
        for saga in sagas:
            if not saga.scenarios:
                raise RuntimeProblem(f"no input is known that starts saga `{saga.name.text}`", "run `fleetgen apply`")
            for scenario in saga.scenarios:
                how = f"refused with {scenario.refused_with}" if scenario.refused_with else "happy"
                yield self._said(self._saga(saga, scenario, f"{saga.name.text}, {how}"))
        if not sagas:
            for service in self.fleet.services:
                if command := _simple_command(service):
                    yield self._said(self._command(service, command))

    def _said(self, run: SmokeRun) -> SmokeRun:
        self.listen(Note(f"smoke: {run.title}: {run.ended}{'' if run.passed else ', which is not as described'}"))
        return run

    def _saga(self, saga: SagaFact, scenario: ScenarioFact, title: str) -> SmokeRun:
        first = self.fleet.command(saga.owner, saga.steps[0].name)
        context, begun = new_context(), time.monotonic()
        try:
            given = prepared(self.fleet, self.caller, scenario.prerequisites, scenario.input)
            begun = time.monotonic()
            done = self.caller.carry_out(saga.owner, first, given, context.header)
        except Refused as refused:
            return _failed(title, scenario.ends, str(refused))
        found = self._await_end(saga, done)
        seconds = time.monotonic() - begun
        ended = str(found.get("status", "unknown")) if found else "unknown"
        checks = [Check(f"ends {scenario.ends}", ended == scenario.ends, "" if ended == scenario.ends else ended)]
        good = ended == scenario.ends
        tree, whole = self._trace(context, title, participants(saga, scenario), _SPANS_LIMIT if good else _BRIEFLY)
        # After the quiet of the trace: one event too many would be there by now.
        checks += self._counts(saga, scenario, done, _PUBLISHED if good else _BRIEFLY)
        return SmokeRun(title, scenario.ends, ended, seconds, done.correlation, (*checks, *whole), tree)

    def _command(self, service: LocalService, command: CommandFact) -> SmokeRun:
        title = f"{service.name}, {command.name.text}"
        before = [
            PrerequisiteFact(service=service.name, command=name, input=self.fleet.command(service.name, name).example)
            for name in command.path
        ]
        context, begun = new_context(), time.monotonic()
        try:
            given = prepared(self.fleet, self.caller, before, command.example)
            done = self.caller.carry_out(service.name, command, given, context.header)
        except Refused as refused:
            return _failed(title, command.emits.text, str(refused))
        seconds = time.monotonic() - begun
        same = done.event == command.emits.text
        tree, whole = self._trace(context, title, frozenset({service.facts.name.text}), _SPANS_LIMIT)
        checks = (Check(f"answers {command.emits.text}", same, "" if same else done.event), *whole)
        return SmokeRun(title, command.emits.text, done.event, seconds, done.correlation, checks, tree)

    def _await_end(self, saga: SagaFact, done: Done) -> dict[str, Any] | None:
        """The saga once it has ended, or as it is when patience is."""
        limit = time.monotonic() + self.patience
        found = None
        while time.monotonic() < limit:
            found = self.caller.saga(saga.owner, done.saga) if done.saga else None
            if found is not None and found["status"] in (*TERMINAL, "stuck"):
                break
            if not done.saga:
                raise RuntimeProblem(f"`{saga.owner}` names no saga in its answer", "update its chassis")
            time.sleep(_LOOK)
        return found

    def _counts(self, saga: SagaFact, scenario: ScenarioFact, done: Done, patience: float) -> Iterator[Check]:
        types = event_types(self.fleet)
        expected = expected_events(saga, scenario)
        limit = time.monotonic() + patience
        counted = self.counter.counted(done.correlation)
        # A saga may have ended in its owner's database before the last event has left the outbox.
        while any(counted.get(types[name], 0) < count for name, count in expected.items()) and time.monotonic() < limit:
            time.sleep(_LOOK)
            counted = self.counter.counted(done.correlation)
        for name, count in expected.items():
            found = counted.get(types[name], 0)
            yield Check(f"{count} x {name} on the bus", found == count, "" if found == count else str(found))

    def _trace(
        self, context: Context, title: str, services: frozenset[str], limit: float
    ) -> tuple[SpanTree, tuple[Check, ...]]:
        spans = gather(self.state.addresses["otlp"], context, services, _QUIET, limit)
        tree, orphans = tree_of(context, title, spans)
        lacking = sorted(services - {span.service for span in spans})
        return tree, (
            Check(
                f"spans of {', '.join(sorted(services))}",
                not lacking,
                f"none of {', '.join(lacking)}" if lacking else "",
            ),
            Check("one tree", not orphans, f"{len(orphans)} spans without their parent" if orphans else ""),
        )


def prepared(
    fleet: LocalFleet, caller: Caller, prerequisites: Sequence[PrerequisiteFact], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Make what a run needs to exist; returns its input with fresh values and the keys that the services gave."""
    fresh = Fresh()
    for old, new in natural_keys(fleet, prerequisites).items():
        fresh.replace(old, new)
    for before in prerequisites:
        command = fleet.command(before.service, before.command)
        aggregate = aggregate_of(fleet, before.service, command.aggregate.text)
        done = caller.carry_out(before.service, command, fresh.of(before.input))
        invented = before.input.get(aggregate.key.name.text)
        if command.target == "new" and aggregate.key_generated and isinstance(invented, str):
            fresh.replace(invented, done.key)
    made: dict[str, Any] = fresh.of(given)
    return made


def _failed(title: str, ends: str, why: str) -> SmokeRun:
    return SmokeRun(title, ends, "not started", 0.0, "", (Check("starts", False, why),), None)


def _simple_command(service: LocalService) -> CommandFact | None:
    """The first command with the shortest way to it."""
    able = [command for command in service.facts.commands if command.target != "collection"]
    return min(able, key=lambda command: len(command.path), default=None)
