"""Sagas in words, and DC: how transactions over services end well."""

from __future__ import annotations

from fleetgen.analysis.figures import duration
from fleetgen.model.fleet import Saga, SagaStep
from fleetgen.report.architecture.leaf import Chapter, Fact, Leaf, Phrase, Section, joined
from fleetgen.report.architecture.subject import Subject

_STUCK = {
    "manual": "an operator retries, skips, compensates or aborts a stuck saga",
    "alert": "a stuck saga raises an alert",
}


def data_consistency(subject: Subject) -> Chapter:
    """One section a saga."""
    sagas = subject.fleet.sagas
    sections = [_section(subject, place, saga) for place, saga in enumerate(sagas, start=1)]
    if not sections:
        none = Leaf(("Saga Implementation",), (subject.book.fact("none: no transaction spans services", ("sagas",)),))
        sections = [Section("DC-01", "Distributed Transaction Management", (none,))]
    return Chapter("DATA CONSISTENCY STRATEGY", tuple(sections))


def _section(subject: Subject, place: int, saga: Saga) -> Section:
    title = "Distributed Transaction Management"
    return Section(
        f"DC-{place:02}",
        title if len(subject.fleet.sagas) == 1 else f"{title}: {saga.name}",
        (
            Leaf(("Saga Implementation",), _implementation(subject, saga)),
            Leaf(("Compensation Logic",), _compensation(subject, saga)),
            Leaf(("Timeout Handling",), _timeout(subject, saga)),
            Leaf(
                ("Monitoring",),
                joined(
                    (
                        subject.claim("saga-metrics", "metrics of running and stuck sagas"),
                        subject.claim("saga-alerts", "alerts"),
                    )
                ),
            ),
            Leaf(("Testing",), subject.claim("chaos", "failures of every step")),
            Leaf(("Recovery",), _recovery(subject, saga)),
        ),
    )


def _implementation(subject: Subject, saga: Saga) -> Phrase:
    contexts = joined((_context_of(subject, step, place, saga) for place, step in enumerate(saga.steps)), " -> ")
    mode = subject.book.fact(saga.mode, ("sagas", saga.name, "mode"))
    return (*contexts, ", ", *subject.claim(f"saga-{saga.mode}", mode))


def _context_of(subject: Subject, step: SagaStep, place: int, saga: Saga) -> Phrase:
    """The context that owns a step; by the step and by the command's place."""
    context = subject.fleet.context_of[step.command.name]
    return (Fact(context.title, subject.name(step.command.name).source), step_fact(subject, saga, place, ""))


def step_fact(subject: Subject, saga: Saga, place: int, text: str, key: str = "") -> Fact:
    """Words of a step, by the key that says them."""
    how = "pivot" if saga.steps[place].kind == "pivot" else "call" if saga.steps[place].call else "do"
    return subject.book.fact(text, ("sagas", saga.name, "steps", place, key or how))


def saga_flow(subject: Subject, saga: Saga) -> Phrase:
    """`orchestration, 5 min at most: InitiateTransfer (undone by RejectTransfer) -> …`."""
    at = ("sagas", saga.name)
    mode = subject.book.fact(saga.mode, (*at, "mode"))
    limit: Phrase = ()
    if saga.timeout is not None:
        limit = (", ", subject.book.fact(duration(saga.timeout), (*at, "timeout")), " at most")
    steps = joined((_step(subject, saga, place) for place in range(len(saga.steps))), " -> ")
    return (mode, *limit, ": ", *steps)


def _step(subject: Subject, saga: Saga, place: int) -> Phrase:
    step = saga.steps[place]
    notes: list[Phrase] = []
    if step.kind == "pivot":
        notes.append((step_fact(subject, saga, place, "pivot"),))
    if step.call:
        notes.append((step_fact(subject, saga, place, "call"),))
    if step.undo:
        notes.append(("undone by ", step_fact(subject, saga, place, step.undo.name, "undo")))
    return (
        step_fact(subject, saga, place, step.command.name),
        *((" (", *joined(notes), ")") if notes else ()),
    )


def _compensation(subject: Subject, saga: Saga) -> Phrase:
    undone = [
        (step_fact(subject, saga, place, step.undo.name, "undo"), " undoes ", _done(subject, saga, place))
        for place, step in reversed(list(enumerate(saga.steps)))
        if step.undo
    ]
    nothing = (subject.figure("undone-steps", "no step is undone", saga.name, value="0"),)
    backwards: Phrase = ("in reverse order: ",) if len(undone) > 1 else ()
    return (*backwards, *joined(undone)) if undone else nothing


def _done(subject: Subject, saga: Saga, place: int) -> Fact:
    return step_fact(subject, saga, place, saga.steps[place].command.name)


def _timeout(subject: Subject, saga: Saga) -> Phrase:
    limit = subject.book.fact(duration(saga.timeout or 0.0), ("sagas", saga.name, "timeout"))
    return subject.claim("saga-timers", limit, " at most, kept in the database")


def _recovery(subject: Subject, saga: Saga) -> Phrase:
    stuck = subject.book.fact(_STUCK[saga.stuck], ("sagas", saga.name, "stuck"))
    return subject.claim("saga-operations" if saga.stuck == "manual" else "saga-alerts", stuck)
