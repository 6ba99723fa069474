"""Sagas: their steps, what kind each is, and that their commands exist where they are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fleetgen.core.diagnostic import Span
from fleetgen.model.fleet import Command, Context, Saga, SagaStep
from fleetgen.spec.codes import Code
from fleetgen.spec.grammar.steps import parse_step
from fleetgen.spec.grammar.units import Unreadable
from fleetgen.spec.node import Node, Scalar, Sequence
from fleetgen.spec.resolve.inputs import Inputs, Line
from fleetgen.spec.resolve.reader import NOTHING, Reader
from fleetgen.spec.resolve.session import Session
from fleetgen.spec.table.saga import SAGA, STEP

_STEP_TIME = 60.0
Kind = Literal["compensatable", "pivot", "retriable"]


@dataclass(frozen=True)
class Written:
    """A step as written, its short form taken apart."""

    span: Span
    how: str
    do: Scalar
    undo: Scalar | None
    reader: Reader


def read_saga(name: Scalar, node: Node, session: Session) -> Saga | None:
    """One saga, or None where a step names something that is not there."""
    reader = Reader(SAGA, node)
    steps = reader.get("steps")
    written = [_written(item, session) for item in (steps.items if isinstance(steps, Sequence) else ())]
    lines = [line for each in written if each is not None and (line := _line(each, session))]
    if not lines or len(lines) != len(written):
        if not written:
            session.problems.add(
                Code.MISSING_KEY,
                f"the saga `{name.text}` has no steps",
                name.span,
                "write `steps: [Do / Undo, pivot Do]`",
            )
        return None
    mode: Literal["choreography", "orchestration"] = (
        "choreography" if reader.word("mode") == "choreography" else "orchestration"
    )
    timeout = reader.number("timeout")
    _synchronous(mode, lines, session)
    _once_each(lines, session)
    resolved = Inputs(mode, lines, session).read()
    kinds = _kinds(lines)
    result = tuple(
        SagaStep(
            name=line.command.name,
            span=line.span,
            waive=line.reader.waive(),
            command=line.command,
            undo=line.undo,
            no_undo=line.no_undo,
            kind=kind,
            call=line.how == "call",
            bindings=found.bindings,
            undo_bindings=found.undo_bindings,
            for_each=found.for_each,
            within=line.reader.maybe("within") or min(_STEP_TIME, timeout),
        )
        for line, kind, found in zip(lines, kinds, resolved, strict=True)
    )
    stuck: Literal["manual", "alert"] = "alert" if reader.word("stuck") == "alert" else "manual"
    return Saga(
        name=name.text, span=name.span, waive=reader.waive(), mode=mode, timeout=timeout, stuck=stuck, steps=result
    )


def _written(node: Node, session: Session) -> Written | None:
    if isinstance(node, Scalar):
        try:
            step = parse_step(node.text)
        except Unreadable:
            return None
        do = Scalar(step.do, node.part(step.do_at, len(step.do)))
        undo = Scalar(step.undo, node.part(step.undo_at, len(step.undo))) if step.undo else None
        return Written(node.span, step.how, do, undo, Reader(STEP, NOTHING))
    reader = Reader(STEP, node)
    named = [key for key in ("do", "pivot", "call") if reader.scalar(key)]
    if len(named) != 1:
        said = "a step names no command" if not named else "a step names " + " and ".join(f"`{key}`" for key in named)
        span = reader.span(named[-1], node.span) if named else node.span
        session.problems.add(
            Code.CONFLICTING_KEYS if named else Code.MISSING_KEY, said, span, "write one of `do`, `pivot`, `call`"
        )
        return None
    do_ = reader.scalar(named[0])
    assert do_ is not None
    return Written(do_.span, named[0], do_, reader.scalar("undo"), reader)


def _line(written: Written, session: Session) -> Line | None:
    command = session.command(written.do)
    no_undo = written.undo is not None and written.undo.text == "none"
    undo = session.command(written.undo) if written.undo is not None and not no_undo else None
    if command is None or (written.undo is not None and undo is None and not no_undo):
        return None
    for each, name in ((command, written.do), (undo, written.undo)):
        if each is not None and name is not None and each.target == "collection":
            session.problems.add(
                Code.BAD_STEP, f"`{each.name}` runs by the clock, for no aggregate", name.span, "choose another command"
            )
            return None
    if undo is not None and written.undo is not None:
        _same_service(command, undo, written.undo, session)
    return Line(written.span, written.how, command, undo, no_undo, written.reader)


def _same_service(command: Command, undo: Command, name: Scalar, session: Session) -> None:
    here, there = session.service_of[command.name], session.service_of[undo.name]
    if here != there:
        session.problems.add(
            Code.BAD_STEP,
            f"`{undo.name}` belongs to `{there}`, but `{command.name}`, which it undoes, to `{here}`",
            name.span,
            f"give `{here}` a command that undoes it",
        )


def _synchronous(mode: str, lines: list[Line], session: Session) -> None:
    for index, line in enumerate(lines):
        if line.how == "call" and (mode == "choreography" or index == 0):
            why = (
                "nobody conducts a choreography, so nobody can call"
                if index
                else "the first step is asked by its caller"
            )
            session.problems.add(
                Code.CONFLICTING_KEYS, why, line.span, "write `do`" + (", or `mode: orchestration`" if index else "")
            )


def _once_each(lines: list[Line], session: Session) -> None:
    """A step is known by its command wherever the saga runs."""
    first: dict[str, Span] = {}
    for line in lines:
        for command in filter(None, (line.command, line.undo)):
            if command.name in first:
                said = f"the saga uses `{command.name}` twice"
                hint = "give one of the steps a command of its own, or `undo: none`"
                session.problems.add(Code.BAD_STEP, said, line.span, hint, [("also here", first[command.name])])
            first.setdefault(command.name, line.span)


def report_beginnings(sagas: Iterable[Saga], contexts: Iterable[Context], session: Session) -> None:
    """A command begins one saga at most, and somebody in the fleet must be there to begin it."""
    foreign = {command.name for context in contexts if not context.managed for command in _commands(context)}
    begun: dict[str, Saga] = {}
    for saga in sagas:
        step = saga.steps[0]
        other = begun.setdefault(step.name, saga)
        if other is not saga:
            said = f"`{step.name}` begins the sagas `{other.name}` and `{saga.name}`; only one of them would run"
            hint = "give one of them a first command of its own"
            session.problems.add(Code.BAD_STEP, said, step.span, hint, [("the other", other.steps[0].span)])
        if step.name in foreign:
            said = f"the saga begins with `{step.name}` of a context with `managed: false`, so nobody runs it"
            session.problems.add(Code.BAD_STEP, said, step.span, "begin with a command of a context of the fleet")


def _commands(context: Context) -> Iterator[Command]:
    for aggregate in context.aggregates:
        yield from aggregate.commands


def _kinds(lines: list[Line]) -> list[Kind]:
    """What comes before the pivot can be undone, what follows must succeed. Without a pivot written, a last step
    that has no undo is one: nothing follows that could make it be undone.
    """
    pivot = next((index for index, line in enumerate(lines) if line.how == "pivot"), None)
    if pivot is None and lines[-1].undo is None and not lines[-1].no_undo:
        pivot = len(lines) - 1
    found: list[Kind] = []
    for index, line in enumerate(lines):
        if index == pivot or line.how == "pivot":
            found.append("pivot")
        else:
            found.append("compensatable" if pivot is None or index < pivot else "retriable")
    return found
