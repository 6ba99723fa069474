"""The core of the owner's monitor: follows a choreographed saga and says when it is overdue. Pure.

It keeps the same state as an orchestrated saga, whose data is the history and whose runs are expectations: a step is
`sent` once the one before it has succeeded. It commands nobody; an operator may, through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from chassis.saga.flow import COMPENSATION_SHARE, Flow
from chassis.saga.history import OVERDUE, RETRY, SKIPPED, UNDONE, History, Notice, Seen, from_json
from chassis.saga.instance import (
    LIVE,
    Announce,
    Became,
    Decision,
    Direction,
    Effect,
    Late,
    Operation,
    OperationRefused,
    Part,
    Run,
    RunStatus,
    SagaState,
    Status,
    TimerDue,
)
from chassis.saga.operations import refusal

Given = Seen | Notice | TimerDue | Operation


def begin(flow: Flow, saga_id: UUID, inputs: Mapping[str, Any], event: Any, *, now: datetime) -> Decision:
    """Watch the saga whose first step has just succeeded."""
    first = flow.step(1)
    history = History(inputs={first.name: dict(inputs)}).see(Seen(step=first.name, role="succeeded", payload=event))
    state = SagaState(
        saga_id=saga_id,
        status="running",
        current_step=1,
        pivot_passed=False,
        data=history.to_json(),
        runs={},
        started_at=now,
        deadline_at=now + timedelta(seconds=flow.saga.timeout),
    )
    watch = _Watch(flow, state, now)
    watch.judge()
    return watch.decision()


def decide(flow: Flow, state: SagaState, given: Given, now: datetime) -> Decision:
    """The next state and its effects; raises `OperationRefused` for an operation that does not fit."""
    watch = _Watch(flow, state, now)
    match given:
        case Operation():
            watch.operate(given)
        case TimerDue():
            watch.timer()
        case Seen() | Notice():
            watch.observe(given)
    return watch.decision()


class _Watch:
    """One decision in the making."""

    def __init__(self, flow: Flow, state: SagaState, now: datetime) -> None:
        self.flow, self.state, self.now = flow, state, now
        self.history = from_json(state.data)
        self.effects: list[Effect] = []

    def decision(self) -> Decision:
        changed = replace(self.state, data=self.history.to_json(), runs=self._runs())
        return Decision(state=replace(changed, next_timer_at=self._next_timer(changed)), effects=tuple(self.effects))

    # -- inputs

    def observe(self, given: Seen | Notice) -> None:
        if self.state.status not in LIVE:
            self.effects.append(Late(command_id=self.state.saga_id, outcome=given.step))
            return
        if isinstance(given, Notice) and given.type not in (SKIPPED, UNDONE):
            return  # its own words, come back over the bus
        known = self.history
        self.history = known.see(given) if isinstance(given, Seen) else known.note(given)
        if self.history != known:
            self.judge()

    def timer(self) -> None:
        if self.state.status == "running" and self.now >= self._expected_by():
            self._overdue()
        elif self.state.status == "compensating" and self.now >= self.state.deadline_at:
            self._stick("compensation is not complete in time")

    def operate(self, given: Operation) -> None:
        passed, at_pivot = self.state.pivot_passed, self._current() == self.flow.pivot
        backwards = self._goes_back()
        if reason := refusal(given, self.state.status, backwards=backwards, at_pivot=at_pivot, passed=passed):
            raise OperationRefused(reason)
        if given.name == "abort":
            self.history = replace(self.history, aborted=True)
            self._become("aborted")
            return
        if self.state.status == "stuck":
            deadline = self.now + timedelta(seconds=self.flow.saga.timeout)
            runs = {key: run for key, run in self.state.runs.items() if run.status == "succeeded"}
            self.state = replace(self.state, deadline_at=deadline, runs=runs)
        match given.name:
            case "skip":
                self._skip()
            case "compensate" if not backwards:
                self._call_off("asked for by an operator", force=given.force)
            case _:
                self.effects.append(Announce(type=RETRY, step=self._waits_for(), reason="asked for by an operator"))
        self.judge()

    def _skip(self) -> None:
        """Take the awaited step for done, or for undone, and tell it on."""
        step, back = self._waits_for(), self._goes_back()
        notice = Notice(type=UNDONE if back else SKIPPED, step=step)
        self.history = self.history.note(notice)
        self.effects.append(Announce(type=notice.type, step=step, reason="skipped by an operator"))

    # -- judgement

    def judge(self) -> None:
        """The status that follows from the history."""
        passed = bool(self.flow.pivot) and self.history.is_done(self.flow.step(self.flow.pivot).name)
        self.state = replace(self.state, pivot_passed=passed, current_step=min(self._current(), len(self.flow)))
        back = self._goes_back()
        if back and not self._still_to_undo():
            self._become("compensated")
        elif not back and self._current() > len(self.flow):
            self._become("completed")
        elif self.state.status != "stuck" or self.now < self.state.deadline_at:
            self._become("compensating" if back else "running")
            self._refused_too_late()

    def _refused_too_late(self) -> None:
        late = [step.name for step in self.flow.steps[self.flow.turning_point :] if step.name in self.history.refused]
        if self.state.status == "running" and late:
            self._stick(f"{late[0]} was refused behind the pivot")

    def _become(self, status: Status) -> None:
        if status == self.state.status:
            return
        over = None if status in LIVE else self.now
        self.state = replace(self.state, status=status, finished_at=over, stuck_reason="")
        self.effects.append(Became(status=status))

    def _stick(self, reason: str) -> None:
        self.state = replace(self.state, status="stuck", stuck_reason=reason)
        self.effects.append(Became(status="stuck", reason=reason))

    def _overdue(self) -> None:
        reason = f"{self._waits_for()} was expected by {self._expected_by().isoformat()}"
        if self.state.pivot_passed:
            self.effects.append(Announce(type=OVERDUE, step=self._waits_for(), reason=reason))
            self._stick(reason)
        else:
            self._call_off(reason, force=False)
            self.judge()

    def _call_off(self, reason: str, *, force: bool) -> None:
        step = self._waits_for()
        self.history = self.history.note(Notice(type=OVERDUE, step=step, force=force))
        reserve = self.now + timedelta(seconds=self.flow.saga.timeout * COMPENSATION_SHARE)
        self.state = replace(self.state, deadline_at=max(self.state.deadline_at, reserve))
        self.effects.append(Announce(type=OVERDUE, step=step, reason=reason, force=force))

    def _goes_back(self) -> bool:
        history, last = self.history, self.flow.turning_point
        if any(step.name in history.refused for step in self.flow.steps[:last]):
            return True
        return history.overdue and (history.forced or not history.is_done(self.flow.step(last).name))

    def _to_undo(self) -> list[int]:
        """The steps whose undoing is expected, in the order in which it is."""
        refused = [seq for seq in range(1, len(self.flow) + 1) if self.flow.step(seq).name in self.history.refused]
        if refused and not self.history.forced:
            return list(self.flow.undoable_before(max(refused)))
        last = len(self.flow) if self.history.forced else self.flow.turning_point
        return [seq for seq in range(last, 0, -1) if self.flow.step(seq).name not in self.history.refused]

    def _still_to_undo(self) -> list[int]:
        return [seq for seq in self._to_undo() if not self.history.is_undone(self.flow.step(seq).name)]

    def _current(self) -> int:
        """The first step that is not done; one more than there are when all are."""
        steps = enumerate(self.flow.steps, start=1)
        return next((seq for seq, step in steps if not self.history.is_done(step.name)), len(self.flow) + 1)

    def _waits_for(self) -> str:
        back = self._still_to_undo() if self._goes_back() else []
        return self.flow.step(back[0] if back else min(self._current(), len(self.flow))).name

    # -- expectations

    def _expected_by(self) -> datetime:
        """The earliest moment at which waiting for the current step is over."""
        run = self.state.runs.get((self._current(), "forward"))
        times = [self.state.deadline_at]
        if run is not None and run.deadline_at is not None:
            times.append(run.deadline_at)
        if not self.state.pivot_passed:
            times.append(self.state.deadline_at - timedelta(seconds=self.flow.saga.timeout * COMPENSATION_SHARE))
        return min(times)

    def _next_timer(self, state: SagaState) -> datetime | None:
        self.state = state
        if state.status == "running":
            return self._expected_by()
        return state.deadline_at if state.status == "compensating" else None

    def _runs(self) -> dict[tuple[int, Direction], Run]:
        runs: dict[tuple[int, Direction], Run] = {}
        for seq in range(1, len(self.flow) + 1):
            if status := self._forward_status(seq):
                runs[seq, "forward"] = self._run(seq, "forward", status)
        for seq in self._to_undo() if self._goes_back() else ():
            if self.flow.step(seq).undo:
                undone = self.history.is_undone(self.flow.step(seq).name)
                runs[seq, "compensate"] = self._run(seq, "compensate", "succeeded" if undone else "sent")
        return runs

    def _forward_status(self, seq: int) -> RunStatus | None:
        name = self.flow.step(seq).name
        if self.history.has_run(name):
            return "succeeded"
        if name in self.history.refused:
            return "failed"
        if name in self.history.skipped:
            return "skipped"
        if seq != self._current():
            return None
        return "timed_out" if self.history.overdue or self.state.status == "stuck" else "sent"

    def _run(self, seq: int, direction: Direction, status: RunStatus) -> Run:
        known = self.state.runs.get((seq, direction))
        if known is not None and known.status == status:
            return known
        name = f"{seq}:{direction}"
        waits = status == "sent"
        within = timedelta(seconds=self.flow.step(seq).within) if direction == "forward" else None
        return Run(
            seq=seq,
            direction=direction,
            status=status,
            parts=(Part(command_id=uuid5(self.state.saga_id, name), status=status),),
            deadline_at=min(self.now + within, self.state.deadline_at) if waits and within else None,
            sent_at=known.sent_at if known else self.now,
            ended_at=None if waits else self.now,
        )
