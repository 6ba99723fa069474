"""The core of orchestration: what follows from an input to a saga. Pure: no clock, no database, no chance.

Forward step by step; a failure before the pivot turns the saga round, and it undoes in strict reverse order what was
or may have been done; behind the pivot it only goes forward. Whatever it cannot end in time is `stuck` and waits for
an operator. A pivot that has no undo and was not answered is in doubt: the saga asks on and never turns round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.saga.flow import Flow
from chassis.saga.instance import (
    CallPeer,
    Decision,
    Input,
    Late,
    Operation,
    OperationRefused,
    Part,
    Reply,
    Run,
    SagaState,
    Status,
    TimerDue,
    Unanswered,
)
from chassis.saga.operations import refusal
from chassis.saga.turn import NewId, Turn

TRIES = 3
CALL_AGAIN = timedelta(seconds=15)
"""A call that left no trace is made again after this time; longer than a peer's client may take with its retries."""
BACKOFF_BASE, BACKOFF_CAP = 0.5, 30.0
CALL_PAUSE_LEAST, CALL_PAUSE_MOST = timedelta(seconds=0.5), timedelta(seconds=10)


def begin(
    flow: Flow, saga_id: UUID, inputs: Mapping[str, Any], event: Mapping[str, Any], *, now: datetime, new_id: NewId
) -> Decision:
    """The saga whose first command has just succeeded."""
    first = flow.step(1)
    done = Run(
        seq=1,
        direction="forward",
        status="succeeded",
        parts=(Part(command_id=new_id(), status="succeeded", event=first.succeeds_with),),
        sent_at=now,
        ended_at=now,
    )
    state = SagaState(
        saga_id=saga_id,
        status="running",
        current_step=1,
        pivot_passed=False,
        data={first.name: dict(inputs), first.succeeds_with: dict(event)},
        runs={(1, "forward"): done},
        started_at=now,
        deadline_at=now + timedelta(seconds=flow.saga.timeout),
    )
    turn = Turn(flow, state, now, new_id)
    turn.leave(done)
    return turn.decision()


def decide(flow: Flow, state: SagaState, given: Input, now: datetime, new_id: NewId) -> Decision:
    """The next state and its effects; raises `OperationRefused` for an operation that does not fit."""
    turn = Turn(flow, state, now, new_id)
    match given:
        case Reply():
            _reply(turn, given)
        case Unanswered():
            _unanswered(turn, given)
        case TimerDue():
            _timer(turn)
        case Operation():
            _operate(turn, given)
    return turn.decision()


def backoff(attempt: int, chance: UUID) -> timedelta:
    """Exponential with equal jitter; the chance is taken from a fresh identifier, so that the core stays pure."""
    ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(attempt - 1, 16))
    return timedelta(seconds=ceiling / 2 + ceiling / 2 * (chance.int & 0xFFFF) / 0x10000)


def _reply(turn: Turn, given: Reply) -> None:
    run, index = _asked(turn, given.command_id)
    if run is None:
        turn.effects.append(Late(command_id=given.command_id, outcome=given.outcome))
        return
    part = replace(run.parts[index], event=given.event, payload=given.payload, error=given.error)
    if given.outcome == "succeeded":
        _answered(turn, _with_part(run, index, replace(part, status="succeeded")))
    elif given.retryable or given.outcome == "expired" or turn.insists(run):
        error = given.error or given.event or given.outcome
        _answered(turn, _with_part(run, index, replace(part, status="pending", event="", payload=None, error=error)))
    else:
        turn.fail(_with_part(run, index, replace(part, status="failed")), given.event or given.error or "failed")


def _unanswered(turn: Turn, given: Unanswered) -> None:
    """Call again soon: the longer it has been tried, the longer the pause."""
    run, _ = _asked(turn, given.command_id)
    if run is not None and run.sent_at is not None:
        pause = min(CALL_PAUSE_MOST, max(CALL_PAUSE_LEAST, turn.now - run.sent_at))
        turn.put(replace(run, due_at=turn.now + pause))


def _asked(turn: Turn, command_id: UUID) -> tuple[Run | None, int]:
    """The open run and the part of it that the command belongs to."""
    run = turn.open_run()
    if run is not None and turn.state.status in ("running", "compensating"):
        for index, part in enumerate(run.parts):
            if part.command_id == command_id and part.status == "sent":
                return run, index
    return None, 0


def _with_part(run: Run, index: int, part: Part) -> Run:
    return replace(run, parts=(*run.parts[:index], part, *run.parts[index + 1 :]))


def _answered(turn: Turn, run: Run) -> None:
    """Go on when no part is out any more."""
    turn.put(run)
    if any(part.status == "sent" for part in run.parts):
        return
    if all(part.status in ("succeeded", "skipped") for part in run.parts):
        turn.close(run)
    elif _may_try_again(turn, run):
        wait = backoff(run.attempt, turn.new_id())
        turn.put(replace(run, status="pending", due_at=turn.now + wait, deadline_at=None))
    else:
        turn.fail(run, next(part.error for part in run.parts if part.status == "pending"))


def _may_try_again(turn: Turn, run: Run) -> bool:
    return run.direction == "compensate" or turn.insists(run) or run.attempt < TRIES


def _timer(turn: Turn) -> None:
    run = turn.open_run()
    if turn.state.status not in ("running", "compensating"):
        return
    if turn.may_turn_round() and turn.now >= turn.budget_at():
        if run is not None:
            turn.fail(run, "timeout", timed_out=True)
        else:
            turn.turn_round("timeout", "no time left to go forward")
    elif turn.now >= turn.state.deadline_at:
        turn.stick(f"{turn.describe(run)}: the saga's time is over")
    elif run is not None:
        _run_timer(turn, run)


def _run_timer(turn: Turn, run: Run) -> None:
    if run.deadline_at is not None and turn.now >= run.deadline_at:
        if _may_try_again(turn, run) or turn.in_doubt(run):
            turn.send_again(_unanswered_parts_pending(run))
        else:
            turn.fail(run, "timeout", timed_out=True)
    elif run.due_at is not None and turn.now >= run.due_at:
        if run.status == "pending":
            turn.send_again(run)
        else:
            _call(turn, run)


def _unanswered_parts_pending(run: Run) -> Run:
    """A call that another attempt follows keeps what was answered."""
    waiting = [replace(p, status="pending", error="timeout") if p.status == "sent" else p for p in run.parts]
    return replace(run, parts=tuple(waiting))


def _call(turn: Turn, run: Run) -> None:
    """Make the calls that are not answered; should this process die over them, the timer makes them again."""
    step = turn.flow.step(run.seq)
    inputs = turn.data[step.name]
    turn.effects += [
        CallPeer(
            seq=run.seq,
            command_id=part.command_id,
            index=index + 1,
            total=len(run.parts),
            inputs=inputs[index] if step.for_each else inputs,
        )
        for index, part in enumerate(run.parts)
        if part.status == "sent"
    ]
    turn.put(replace(run, due_at=turn.now + CALL_AGAIN))


def _operate(turn: Turn, given: Operation) -> None:
    """`retry`, `skip`, `compensate` and `abort`, where the saga's status allows them."""
    backwards = turn.is_compensating
    at_pivot, passed = turn.state.current_step == turn.flow.pivot, turn.state.pivot_passed or _was_in_doubt(turn)
    if reason := refusal(given, turn.state.status, backwards=backwards, at_pivot=at_pivot, passed=passed):
        raise OperationRefused(reason)
    if given.name == "abort":
        turn.end("aborted")
        return
    if turn.state.status == "stuck":
        _unstick(turn, backwards)
    if given.name == "skip":
        _skip(turn)
    elif given.name == "compensate" and not backwards:
        turn.turn_round("operator", "asked for by an operator")
    else:
        _try_afresh(turn)


def _was_in_doubt(turn: Turn) -> bool:
    """The pivot was given up without an answer."""
    run = turn.runs.get((turn.flow.pivot, "forward"))
    unknown = run is not None and any(part.status in ("sent", "timed_out") for part in run.parts)
    return unknown and not turn.flow.step(turn.flow.pivot).undo


def _unstick(turn: Turn, backwards: bool) -> None:
    """Live again, with the whole time."""
    deadline = turn.now + timedelta(seconds=turn.flow.saga.timeout)
    status: Status = "compensating" if backwards else "running"
    turn.state = replace(turn.state, status=status, deadline_at=deadline, stuck_reason="")


def _current(turn: Turn) -> Run:
    return turn.runs[turn.state.current_step, "compensate" if turn.is_compensating else "forward"]


def _skip(turn: Turn) -> None:
    run = _current(turn)
    parts = tuple(part if part.status == "succeeded" else replace(part, status="skipped") for part in run.parts)
    ended = replace(run, status="skipped", parts=parts, ended_at=turn.now, deadline_at=None, due_at=None)
    turn.leave(turn.put(ended))


def _try_afresh(turn: Turn) -> None:
    """The current run once more, with all its tries."""
    run = _current(turn)
    answered = ("succeeded", "skipped")
    parts = tuple(part if part.status in answered else replace(part, status="pending") for part in run.parts)
    turn.send_again(replace(run, parts=parts, attempt=0, ended_at=None, error=""))
