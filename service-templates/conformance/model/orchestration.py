"""An orchestrated saga: forward step by step; before the pivot a failure turns it round, behind it nothing does.

Written as what each situation demands, over one mutable saga:

- *forward*: a step is sent, and sent again up to three times; then, or at a refusal, the saga turns round.
- *behind the pivot*: a step is sent again until the saga's time is over, then the saga is stuck.
- *backward*: what was or may have been done is undone, the last first, as often as it takes; then the saga is stuck.
- a pivot that may have been carried out and that nothing undoes never turns the saga round.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from model import bindings
from model.bindings import REJECTION, NotKnown
from model.flows import last_that_may_fail, pivot, reserve
from model.values import Effects, Given, Json, Unknown, equal_jitter, kind_of

TRIES = 3
AGAIN_BASE, AGAIN_CAP = 500, 30_000
CALL_LOST, CALL_SOON, CALL_LATER = 15_000, 500, 10_000
FORWARD, BACK = "forward", "compensate"
MAY_BE_DONE = ("succeeded", "sent", "timed_out")


@dataclass
class Part:
    """One command of a step."""

    status: str = "pending"
    command: int = 0
    payload: Json = None
    error: str = ""


@dataclass
class Run:
    """A step in one direction."""

    step: int
    direction: str
    parts: list[Part]
    status: str = "pending"
    attempt: int = 1
    deadline: int | None = None
    due: int | None = None
    sent: int = 0
    over: bool = False

    def all_in(self, *statuses: str) -> bool:
        """Whether every part has one of the statuses."""
        return all(part.status in statuses for part in self.parts)

    def show(self) -> Json:
        """As in a trace."""
        parts = [{"status": p.status, "command": p.command if p.status == "sent" else None} for p in self.parts]
        return {
            "step": self.step,
            "direction": self.direction,
            "status": self.status,
            "attempt": self.attempt,
            "deadline": self.deadline,
            "due": self.due,
            "parts": parts,
        }


@dataclass
class Saga:
    """One saga, with what it does now."""

    flow: Json
    status: str = "running"
    step: int = 1
    pivot_passed: bool = False
    deadline: int = 0
    finished: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    runs: dict[tuple[int, str], Run] = field(default_factory=dict)
    commands: int = 0
    now: int = 0
    effects: Effects = field(default_factory=list)

    # -- what is

    @property
    def is_moving(self) -> bool:
        return self.status in ("running", "compensating")

    @property
    def is_back(self) -> bool:
        return self.status == "compensating" or any(direction == BACK for _, direction in self.runs)

    @property
    def current(self) -> Run | None:
        return self.runs.get((self.step, BACK if self.is_back else FORWARD))

    @property
    def awaited(self) -> Run | None:
        run = self.current
        return None if run is None or run.over else run

    def must_succeed(self, run: Run) -> bool:
        return run.direction == FORWARD and run.step > last_that_may_fail(self.flow)

    def cannot_be_undone(self, run: Run | None, *statuses: str) -> bool:
        """The pivot may have been carried out, and has no undo."""
        if run is None or (run.step, run.direction) != (pivot(self.flow), FORWARD):
            return False
        return not self.spec(run.step)["undo"] and any(part.status in statuses for part in run.parts)

    @property
    def may_turn(self) -> bool:
        return self.status == "running" and not self.pivot_passed and not self.cannot_be_undone(self.awaited, "sent")

    def spec(self, step: int) -> Json:
        return self.flow["steps"][step - 1]

    @property
    def timer(self) -> int | None:
        if not self.is_moving:
            return None
        moments = [self.deadline]
        if self.may_turn:
            moments.append(self.deadline - reserve(self.flow))
        if run := self.awaited:
            moments += [moment for moment in (run.deadline, run.due) if moment is not None]
        return min(moments)

    def show(self) -> Json:
        """As in a trace."""
        return {
            "status": self.status,
            "step": self.step,
            "pivot_passed": self.pivot_passed,
            "deadline": self.deadline,
            "timer": self.timer,
            "finished": self.finished,
            "runs": [self.runs[key].show() for key in sorted(self.runs, key=lambda key: (key[0], key[1] == BACK))],
        }

    # -- what happens

    def begin(self, inputs: Json, event: Json) -> None:
        self.deadline = self.now + self.flow["timeout"]
        first = self.spec(1)
        self.data = {first["name"]: inputs, first["succeeds_with"]: event}
        self.runs[1, FORWARD] = Run(1, FORWARD, [Part("succeeded")], "succeeded", over=True)
        self.go_on()

    def reply(self, a: Json) -> None:
        run, part = self.find(a["command"])
        if run is None or part is None:
            self.effects.append({"late": {"command": a["command"]}})
            return
        part.payload = a["payload"]
        if a["outcome"] == "succeeded":
            part.status = "succeeded"
        elif a["outcome"] == "expired" or a["retryable"] or self.must_succeed(run):
            part.status, part.error, part.payload = "pending", a["error"] or a["event"] or a["outcome"], None
        else:
            part.status, part.error = "failed", a["error"] or a["event"]
            self.lose(run, a["event"] or a["error"] or "failed")
            return
        self.judge(run, a["chance"])

    def judge(self, run: Run, chance: int) -> None:
        """After an answer: wait for the others, go on, or try again."""
        if any(part.status == "sent" for part in run.parts):
            return
        if run.all_in("succeeded", "skipped"):
            self.win(run)
        elif run.attempt < TRIES or run.direction == BACK or self.must_succeed(run):
            run.status, run.deadline = "pending", None
            run.due = self.now + equal_jitter(run.attempt, AGAIN_BASE, AGAIN_CAP, chance)
        else:
            self.lose(run, next(part.error for part in run.parts if part.status == "pending"))

    def unanswered(self, command: int) -> None:
        run, _ = self.find(command)
        if run is not None:
            run.due = self.now + max(CALL_SOON, min(CALL_LATER, self.now - run.sent))

    def look(self) -> None:
        """The timer: time to go forward is over, all time is over, the step's time is over, or something is due."""
        if not self.is_moving:
            return
        run = self.awaited
        assert run is not None, "a saga that moves waits for something"
        if self.may_turn and self.now >= self.deadline - reserve(self.flow):
            self.lose(run, "timeout", late=True)
        elif self.now >= self.deadline:
            self.stick()
        elif run.deadline is not None and self.now >= run.deadline:
            self.step_late(run)
        elif run.due is not None and self.now >= run.due:
            if run.status == "pending":
                self.send_again(run)
            else:
                self.call(run)

    def step_late(self, run: Run) -> None:
        tries_left = run.attempt < TRIES or run.direction == BACK
        if not (tries_left or self.must_succeed(run) or self.cannot_be_undone(run, "sent")):
            self.lose(run, "timeout", late=True)
            return
        for part in run.parts:
            if part.status == "sent":
                part.status, part.error = "pending", "timeout"
        self.send_again(run)

    def operate(self, name: str, force: bool) -> None:
        if not self.allows(name, force):
            self.effects.append({"refused": {}})
            return
        if name == "abort":
            self.become("aborted")
            return
        back = self.is_back
        if self.status == "stuck":
            self.status = "compensating" if back else "running"
            self.deadline = self.now + self.flow["timeout"]
        if name == "skip":
            self.skip()
        elif name == "compensate" and not back:
            self.turn("operator")
        else:
            self.afresh()

    def allows(self, name: str, force: bool) -> bool:
        if self.status in ("completed", "compensated", "aborted"):
            return False
        if name == "abort":
            return True
        if self.status == "compensating" or (self.status == "running" and name == "retry"):
            return False
        if force or self.is_back:
            return True
        if name == "compensate":
            run = self.runs.get((pivot(self.flow), FORWARD))
            return not (self.pivot_passed or self.cannot_be_undone(run, "sent", "timed_out"))
        return name != "skip" or self.step != pivot(self.flow)

    # -- moves

    def find(self, command: int) -> tuple[Run | None, Part | None]:
        run = self.awaited if self.is_moving else None
        if run is not None:
            for part in run.parts:
                if part.status == "sent" and part.command == command:
                    return run, part
        return None, None

    def win(self, run: Run) -> None:
        spec = self.spec(run.step)
        self.end(run, "succeeded")
        event = spec["succeeds_with"] if run.direction == FORWARD else spec["undone_with"]
        payloads = [part.payload for part in run.parts]
        if event and None not in payloads:
            self.data[event] = payloads if spec["for_each"] else payloads[0]
        self.leave(run)

    def lose(self, run: Run, rejection: str, late: bool = False) -> None:
        for part in run.parts:
            if part.status == "pending":
                part.status = "failed"
            elif part.status == "sent" and late:
                part.status = "timed_out"
        self.end(run, "timed_out" if late else "failed")
        if run.direction == BACK or self.must_succeed(run):
            self.stick()
        else:
            self.turn(rejection)

    def leave(self, run: Run) -> None:
        if run.direction == BACK:
            self.go_back(run.step - 1)
            return
        self.step = run.step
        self.go_on()

    def go_on(self) -> None:
        """The current step is done."""
        self.pivot_passed = self.pivot_passed or self.step == pivot(self.flow)
        if self.step == len(self.flow["steps"]):
            self.become("completed")
            return
        self.step += 1
        spec = self.spec(self.step)
        try:
            parts = [Part() for _ in bindings.fan(spec, self.data)]
        except NotKnown:
            parts = [Part()]
        run = self.runs[self.step, FORWARD] = Run(self.step, FORWARD, parts)
        if parts:
            self.send(run)
            return
        self.data[spec["succeeds_with"]] = []
        self.end(run, "succeeded")
        self.go_on()

    def turn(self, rejection: str) -> None:
        self.data[REJECTION] = rejection
        self.deadline = max(self.deadline, self.now + reserve(self.flow))
        self.become("compensating")
        self.go_back(self.step)

    def go_back(self, step: int) -> None:
        while step > 0:
            run = self.runs.get((step, FORWARD))
            to_undo = run is not None and any(part.status in MAY_BE_DONE for part in run.parts)
            if run is not None and to_undo and self.spec(step)["undo"]:
                parts = [Part("pending" if part.status in MAY_BE_DONE else "skipped") for part in run.parts]
                self.step = step
                self.send(self.runs.setdefault((step, BACK), Run(step, BACK, parts)))
                return
            step -= 1
        self.become("compensated")

    def stick(self) -> None:
        if run := self.awaited:
            for part in run.parts:
                if part.status == "sent":
                    part.status = "timed_out"
            self.end(run, "timed_out")
        self.become("stuck")

    def become(self, status: str) -> None:
        self.status = status
        if status in ("completed", "compensated", "aborted"):
            self.finished = self.now
        self.effects.append({"became": status})

    def end(self, run: Run, status: str) -> None:
        run.status, run.over, run.deadline, run.due = status, True, None, None

    def skip(self) -> None:
        run = self.current
        assert run is not None
        for part in run.parts:
            if part.status != "succeeded":
                part.status = "skipped"
        self.end(run, "skipped")
        self.leave(run)

    def afresh(self) -> None:
        run = self.current
        assert run is not None
        for part in run.parts:
            if part.status not in ("succeeded", "skipped"):
                part.status = "pending"
        run.over, run.attempt = False, 0
        self.send_again(run)

    # -- sending

    def send_again(self, run: Run) -> None:
        run.attempt += 1
        self.send(run)

    def send(self, run: Run) -> None:
        spec, forward = self.spec(run.step), run.direction == FORWARD
        try:
            wanted = spec["bindings"] if forward else spec["undo_bindings"]
            inputs = bindings.inputs(wanted, spec, self.data, lenient=not forward)
        except NotKnown:
            self.lose(run, "unbound")
            return
        if forward:
            known = [each for each, _ in inputs]
            self.data[spec["name"]] = known if spec["for_each"] else known[0]
        run.deadline = min(self.now + spec["within"], self.deadline)
        run.status, run.sent, run.due = "sent", self.now, None
        expires = run.deadline if forward and run.step <= last_that_may_fail(self.flow) else None
        for at, part in enumerate(run.parts):
            if part.status != "pending":
                continue
            self.commands += 1
            part.status, part.command = "sent", self.commands
            if forward and spec["call"]:
                run.due = self.now
            else:
                more = {"direction": run.direction, "complete": inputs[at][1], "expires": expires}
                self.effects.append({"send": {**self.asked(run, at, inputs[at][0]), **more}})

    def call(self, run: Run) -> None:
        spec = self.spec(run.step)
        inputs = self.data[spec["name"]]
        for at, part in enumerate(run.parts):
            if part.status == "sent":
                self.effects.append({"call": self.asked(run, at, inputs[at] if spec["for_each"] else inputs)})
        run.due = self.now + CALL_LOST

    def asked(self, run: Run, at: int, inputs: Json) -> Json:
        command = run.parts[at].command
        return {"step": run.step, "command": command, "part": at + 1, "parts": len(run.parts), "inputs": inputs}


def orchestration(config: Json, state: Saga | None, given: Given, now: int) -> tuple[Saga, Effects]:
    """The next saga and its effects. Its state is a `Saga`; a trace has what that shows."""
    kind, a = kind_of(given)
    flow = config["flow"]
    saga = Saga(flow) if state is None else copy.deepcopy(state, {id(state.flow): flow})
    saga.now, saga.effects = now, []
    match kind:
        case "begin":
            saga.begin(a["inputs"], a["event"])
        case "reply":
            saga.reply(a)
        case "unanswered":
            saga.unanswered(a["command"])
        case "timer":
            saga.look()
        case "operate":
            saga.operate(a["name"], a["force"])
        case _:
            raise Unknown(kind)
    return saga, saga.effects
