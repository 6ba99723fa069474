"""The owner of a choreographed saga: it follows what is seen and says when the saga is overdue; it commands nobody.

Everything it shows follows from the history and from when each step came to be awaited.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from model.flows import last_that_may_fail, pivot, reserve
from model.history import OVERDUE, RETRY, SKIPPED, UNDONE, History
from model.values import Effects, Given, Json, Unknown, kind_of

LIVE = ("running", "compensating", "stuck")


@dataclass
class Watched:
    """One saga, with what its owner does now. `awaited`: until when each step was expected when it came up."""

    flow: Json
    history: History = field(default_factory=History)
    status: str = "running"
    deadline: int = 0
    finished: int | None = None
    awaited: dict[int, int] = field(default_factory=dict)
    now: int = 0
    effects: Effects = field(default_factory=list)

    # -- what follows from the history

    @property
    def names(self) -> list[str]:
        return [step["name"] for step in self.flow["steps"]]

    @property
    def current(self) -> int:
        """The first step that is not done, one more than there are when all are."""
        return next((seq for seq, name in enumerate(self.names, 1) if not self.history.done(name)), len(self.names) + 1)

    @property
    def passed(self) -> bool:
        at = pivot(self.flow)
        return at > 0 and self.history.done(self.names[at - 1])

    @property
    def is_back(self) -> bool:
        last = last_that_may_fail(self.flow)
        if any(self.history.refused(name) for name in self.names[:last]):
            return True
        if not self.history.has("overdue"):
            return False
        return self.history.has("forced") or not self.history.done(self.names[last - 1])

    @property
    def to_undo(self) -> list[int]:
        """Steps whose undoing is expected, the first one first."""
        refused = [seq for seq, name in enumerate(self.names, 1) if self.history.refused(name)]
        if refused and not self.history.has("forced"):
            return [seq for seq in range(refused[-1] - 1, 0, -1) if self.flow["steps"][seq - 1]["undo"]]
        last = len(self.names) if self.history.has("forced") else last_that_may_fail(self.flow)
        return [seq for seq in range(last, 0, -1) if seq not in refused]

    @property
    def left_to_undo(self) -> list[int]:
        return [seq for seq in self.to_undo if not self.history.undone(self.names[seq - 1])]

    @property
    def waits_for(self) -> str:
        back = self.left_to_undo if self.is_back else []
        return self.names[(back[0] if back else min(self.current, len(self.names))) - 1]

    @property
    def expected_by(self) -> int:
        moments = [self.deadline]
        if not self.passed:
            moments.append(self.deadline - reserve(self.flow))
        if self.current in self.awaited:
            moments.append(self.awaited[self.current])
        return min(moments)

    @property
    def timer(self) -> int | None:
        return {"running": self.expected_by, "compensating": self.deadline}.get(self.status)

    def show(self) -> Json:
        """As in a trace."""
        return {
            "status": self.status,
            "step": min(self.current, len(self.names)),
            "pivot_passed": self.passed,
            "deadline": self.deadline,
            "timer": self.timer,
            "finished": self.finished,
            "runs": self.runs(),
            "history": self.history.show(),
        }

    def runs(self) -> list[Json]:
        runs = []
        for seq, step in enumerate(self.flow["steps"], 1):
            if status := self.forward(seq):
                limit = self.awaited.get(seq) if status == "sent" else None
                runs.append({"step": seq, "direction": "forward", "status": status, "deadline": limit})
            if self.is_back and step["undo"] and seq in self.to_undo:
                status = "succeeded" if self.history.undone(step["name"]) else "sent"
                runs.append({"step": seq, "direction": "compensate", "status": status, "deadline": None})
        return runs

    def forward(self, seq: int) -> str:
        name = self.names[seq - 1]
        if self.history.ran(name):
            return "succeeded"
        if self.history.refused(name):
            return "failed"
        if name in self.history.sets["skipped"]:
            return "skipped"
        if seq != self.current:
            return ""
        return "timed_out" if self.history.has("overdue") or self.status == "stuck" else "sent"

    # -- what happens

    def begin(self, inputs: Json, event: Json) -> None:
        self.deadline = self.now + self.flow["timeout"]
        self.history.maps["inputs"][self.names[0]] = inputs
        self.history.see({"step": self.names[0], "role": "succeeded", "payload": event, "index": 1, "total": 1})
        self.judge()

    def observe(self, kind: str, a: Json) -> None:
        if self.status not in LIVE:
            self.effects.append({"late": {}})
            return
        before = self.history.show()
        if kind == "see":
            self.history.see(a)
        elif a["type"] in (SKIPPED, UNDONE):  # the other notices are its own
            self.history.note(a)
        if self.history.show() != before:
            self.judge()

    def look(self) -> None:
        if self.status == "compensating" and self.now >= self.deadline:
            self.stick()
        elif self.status == "running" and self.now >= self.expected_by:
            if self.passed:
                self.say(OVERDUE, self.waits_for)
                self.stick()
            else:
                self.call_off(force=False)
                self.judge()

    def operate(self, name: str, force: bool) -> None:
        back = self.is_back
        if not self.allows(name, force, back):
            self.effects.append({"refused": {}})
            return
        if name == "abort":
            self.history.flags.add("aborted")
            self.become("aborted")
            return
        if self.status == "stuck":
            self.deadline = self.now + self.flow["timeout"]
            self.awaited = {}
        if name == "skip":
            step = self.waits_for
            kind = UNDONE if back else SKIPPED
            self.history.note({"type": kind, "step": step})
            self.say(kind, step)
        elif name == "compensate" and not back:
            self.call_off(force)
        else:
            self.say(RETRY, self.waits_for)
        self.judge()

    def allows(self, name: str, force: bool, back: bool) -> bool:
        if self.status not in LIVE or name == "abort":
            return self.status in LIVE
        if self.status == "compensating" or (self.status == "running" and name == "retry"):
            return False
        if force or back:
            return True
        return not (name == "skip" and self.current == pivot(self.flow)) and not (name == "compensate" and self.passed)

    # -- moves

    def judge(self) -> None:
        """The status that the history asks for; a stuck saga whose time is over stays so unless it has ended."""
        if self.is_back and not self.left_to_undo:
            self.become("compensated")
        elif not self.is_back and self.current > len(self.names):
            self.become("completed")
        elif self.status != "stuck" or self.now < self.deadline:
            self.become("compensating" if self.is_back else "running")
            behind = self.names[last_that_may_fail(self.flow) :]
            if self.status == "running" and any(self.history.refused(name) for name in behind):
                self.stick()

    def become(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self.finished = None if status in LIVE else self.now
            self.effects.append({"became": status})

    def stick(self) -> None:
        self.status = "stuck"
        self.effects.append({"became": "stuck"})

    def call_off(self, force: bool) -> None:
        step = self.waits_for
        self.history.note({"type": OVERDUE, "force": force})
        self.deadline = max(self.deadline, self.now + reserve(self.flow))
        self.say(OVERDUE, step, force)

    def say(self, kind: str, step: str, force: bool = False) -> None:
        self.effects.append({"announce": {"type": kind, "step": step, "force": force}})

    def await_current(self) -> None:
        """The step that is awaited now has its own time from now on, unless it was awaited before."""
        seq = self.current
        if seq <= len(self.names) and self.forward(seq) == "sent":
            limit = min(self.now + self.flow["steps"][seq - 1]["within"], self.deadline)
            self.awaited.setdefault(seq, limit)
        else:
            self.awaited.pop(seq, None)


def fulfilment(config: Json, state: Watched | None, given: Given, now: int) -> tuple[Watched, Effects]:
    """The next saga and its effects. Its state is a `Watched`; a trace has what that shows."""
    kind, a = kind_of(given)
    flow = config["flow"]
    saga = Watched(flow) if state is None else copy.deepcopy(state, {id(state.flow): flow})
    saga.now, saga.effects = now, []
    match kind:
        case "begin":
            saga.begin(a["inputs"], a["event"])
        case "see" | "note":
            saga.observe(kind, a)
        case "timer":
            saga.look()
        case "operate":
            saga.operate(a["name"], a["force"])
        case _:
            raise Unknown(kind)
    saga.await_current()
    return saga, saga.effects
