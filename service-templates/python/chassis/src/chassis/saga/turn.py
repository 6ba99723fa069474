"""One decision of an orchestrated saga in the making: the moves that `orchestration` is composed of. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.saga import bindings
from chassis.saga.bindings import REJECTION, Current, Unbound
from chassis.saga.flow import COMPENSATION_SHARE, Flow
from chassis.saga.instance import (
    UNKNOWN_OR_DONE,
    Became,
    Decision,
    Direction,
    Effect,
    Part,
    Run,
    RunStatus,
    SagaState,
    SendCommand,
    Status,
)

NewId = Callable[[], UUID]


class Turn:
    """A state that is being changed, and the effects so far."""

    def __init__(self, flow: Flow, state: SagaState, now: datetime, new_id: NewId) -> None:
        self.flow, self.state, self.now, self.new_id = flow, state, now, new_id
        self.runs = dict(state.runs)
        self.data = dict(state.data)
        self.effects: list[Effect] = []

    def decision(self) -> Decision:
        """What has come of it."""
        changed = replace(self.state, runs=self.runs, data=self.data, next_timer_at=self._next_timer())
        return Decision(state=changed, effects=tuple(self.effects))

    # -- questions

    def open_run(self) -> Run | None:
        """The run the saga waits for, or waited for when it got stuck."""
        direction: Direction = "compensate" if self.is_compensating else "forward"
        run = self.runs.get((self.state.current_step, direction))
        return run if run is not None and run.ended_at is None else None

    @property
    def is_compensating(self) -> bool:
        """Whether it goes, or went before it was stuck, backwards."""
        return self.state.status == "compensating" or any(direction == "compensate" for _, direction in self.runs)

    def insists(self, run: Run) -> bool:
        """Behind the pivot every failure is tried again until the saga's time is over."""
        return run.direction == "forward" and run.seq > self.flow.turning_point

    def in_doubt(self, run: Run | None) -> bool:
        """The pivot was sent, nobody knows whether it was carried out, and nothing could undo it."""
        if run is None or run.direction != "forward" or run.seq != self.flow.pivot or self.flow.step(run.seq).undo:
            return False
        return any(part.status == "sent" for part in run.parts)

    def may_turn_round(self) -> bool:
        """Whether the saga may still be compensated by itself."""
        return self.state.status == "running" and not self.state.pivot_passed and not self.in_doubt(self.open_run())

    def budget_at(self) -> datetime:
        """When going forward must be over, so that there is time left to compensate."""
        return self.state.deadline_at - self._reserve()

    def _reserve(self) -> timedelta:
        return timedelta(seconds=self.flow.saga.timeout * COMPENSATION_SHARE)

    def _next_timer(self) -> datetime | None:
        if self.state.status not in ("running", "compensating"):
            return None
        run = self.open_run()
        times = [self.state.deadline_at]
        if self.may_turn_round():
            times.append(self.budget_at())
        if run is not None:
            times += [moment for moment in (run.deadline_at, run.due_at) if moment is not None]
        return min(times)

    # -- moves

    def put(self, run: Run) -> Run:
        """Keep a changed run."""
        self.runs[run.seq, run.direction] = run
        return run

    def go_forward(self, seq: int) -> None:
        """Open the step, passing over those that fan out over nothing; behind the last one the saga is completed."""
        while seq <= len(self.flow):
            step = self.flow.step(seq)
            self.state = replace(self.state, current_step=seq)
            try:
                total = len(bindings.items(step.for_each, self.data)) if step.for_each else 1
            except Unbound as reason:
                self.fail(self._new_run(seq, "forward", ["pending"]), f"unbound: {reason}")
                return
            run = self._new_run(seq, "forward", ["pending"] * total)
            if total:
                self.send(run)
                return
            self.data[step.succeeds_with] = []
            self._end_run(run, "succeeded")
            self._pass(seq)
            seq += 1
        self.end("completed")

    def go_back(self, seq: int) -> None:
        """Undo the nearest step, from `seq` down, that was or may have been done; with none left it is compensated."""
        for number in range(seq, 0, -1):
            done = self.runs.get((number, "forward"))
            if done is None or not self.flow.step(number).undo:
                continue
            parts: list[RunStatus] = ["pending" if p.status in UNKNOWN_OR_DONE else "skipped" for p in done.parts]
            if "pending" in parts:
                self.state = replace(self.state, current_step=number)
                self.send(self._new_run(number, "compensate", parts))
                return
        self.end("compensated")

    def turn_round(self, rejection: str, reason: str) -> None:
        """Compensate from the current step. The time reserved for it is granted even to a saga that was slept over."""
        self.data[REJECTION] = rejection
        deadline = max(self.state.deadline_at, self.now + self._reserve())
        self.state = replace(self.state, status="compensating", deadline_at=deadline)
        self.effects.append(Became(status="compensating", reason=reason))
        self.go_back(self.state.current_step)

    def close(self, run: Run) -> None:
        """All parts succeeded: keep what was answered and go on."""
        self._end_run(run, "succeeded")
        step = self.flow.step(run.seq)
        event = step.succeeds_with if run.direction == "forward" else step.undone_with
        payloads = [part.payload for part in run.parts]
        if event and all(payload is not None for payload in payloads):
            self.data[event] = payloads if step.for_each else payloads[0]
        self.leave(run)

    def leave(self, run: Run) -> None:
        """Go on from a run that is over, its way."""
        if run.direction == "compensate":
            self.go_back(run.seq - 1)
            return
        self._pass(run.seq)
        self.go_forward(run.seq + 1)

    def fail(self, run: Run, rejection: str, *, timed_out: bool = False) -> None:
        """The run is over without success. Parts that were not answered stay unknown, and count as done."""
        unanswered: RunStatus = "timed_out" if timed_out else "sent"
        after: dict[RunStatus, RunStatus] = {"pending": "failed", "sent": unanswered}
        parts = tuple(replace(part, status=after.get(part.status, part.status)) for part in run.parts)
        error = next((part.error or part.event for part in parts if part.status == "failed"), "") or rejection
        run = self._end_run(replace(run, parts=parts, error=error), "timed_out" if timed_out else "failed")
        if run.direction == "compensate" or run.seq > self.flow.turning_point:
            self.stick(f"{self.describe(run)}: {error}")
        else:
            self.turn_round(rejection, error)

    def stick(self, reason: str) -> None:
        """Wait for an operator. Its open command is closed: what comes now comes too late."""
        run = self.open_run()
        if run is not None:
            parts = tuple(replace(p, status="timed_out") if p.status == "sent" else p for p in run.parts)
            self._end_run(replace(run, parts=parts), "timed_out")
        self.state = replace(self.state, status="stuck", stuck_reason=reason)
        self.effects.append(Became(status="stuck", reason=reason))

    def end(self, status: Status) -> None:
        """Nothing more will happen."""
        self.state = replace(self.state, status=status, finished_at=self.now, stuck_reason="")
        self.effects.append(Became(status=status))

    def describe(self, run: Run | None) -> str:
        """The run in words."""
        if run is None:
            return f"step {self.state.current_step}"
        step = self.flow.step(run.seq)
        return step.name if run.direction == "forward" else step.undo

    # -- sending

    def send_again(self, run: Run) -> None:
        """The same step once more: new commands, and the same idempotency key on the way to the participant."""
        parts = tuple(replace(p, command_id=self.new_id()) if p.status == "pending" else p for p in run.parts)
        self.send(replace(run, parts=parts, attempt=run.attempt + 1))

    def send(self, run: Run) -> None:
        """Send the pending parts and wait for the answers; calls are left to the timer, which is due at once."""
        step, forward = self.flow.step(run.seq), run.direction == "forward"
        try:
            inputs = [self._inputs(run, index) for index in range(len(run.parts))]
        except Unbound as reason:
            self.fail(run, f"unbound: {reason}")
            return
        if forward:
            self.data[step.name] = [known for known, _ in inputs] if step.for_each else inputs[0][0]
        calls = step.call and forward
        limit = min(self.now + timedelta(seconds=step.within), self.state.deadline_at)
        if not calls:
            expires = limit if forward and run.seq <= self.flow.turning_point else None
            self.effects += [
                self._command(run, index, *inputs[index], expires)
                for index, part in enumerate(run.parts)
                if part.status == "pending"
            ]
        parts = tuple(replace(p, status="sent", error="") if p.status == "pending" else p for p in run.parts)
        due = self.now if calls else None
        self.put(replace(run, status="sent", parts=parts, deadline_at=limit, due_at=due, sent_at=self.now))

    def _command(
        self, run: Run, index: int, inputs: dict[str, Any], complete: bool, expires: datetime | None
    ) -> SendCommand:
        return SendCommand(
            seq=run.seq,
            direction=run.direction,
            command_id=run.parts[index].command_id,
            index=index + 1,
            total=len(run.parts),
            inputs=inputs,
            complete=complete,
            expires_at=expires,
        )

    def _inputs(self, run: Run, index: int) -> tuple[dict[str, Any], bool]:
        step = self.flow.step(run.seq)
        current = bindings.ALONE
        if step.for_each:
            items = bindings.items(step.for_each, self.data)
            current = Current(item=items[index], index=index, total=len(items))
        if run.direction == "forward":
            return bindings.evaluate(step.bindings, self.data, current), True
        return bindings.evaluate_known(step.undo_bindings, self.data, current)

    def _new_run(self, seq: int, direction: Direction, parts: list[RunStatus]) -> Run:
        made = tuple(Part(command_id=self.new_id(), status=status) for status in parts)
        return Run(seq=seq, direction=direction, status="pending", parts=made)

    def _end_run(self, run: Run, status: RunStatus) -> Run:
        return self.put(replace(run, status=status, ended_at=self.now, deadline_at=None, due_at=None))

    def _pass(self, seq: int) -> None:
        if seq == self.flow.pivot:
            self.state = replace(self.state, pivot_passed=True)
