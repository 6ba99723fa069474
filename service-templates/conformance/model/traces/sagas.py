"""Traces of sagas: participants that answer, refuse, hang, repeat themselves; owners and operators that step in."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from model.choreography import choreography as decide_choreography
from model.flows import CALLS, FLOWS, number
from model.fulfilment import fulfilment as decide_fulfilment
from model.history import ABORTED, OVERDUE, RETRY, SKIPPED, STUCK, UNDONE, History
from model.orchestration import orchestration as decide_orchestration
from model.traces.calls import CHANCES, Draw
from model.traces.recording import Recording
from model.values import Json

PLACED: list[Json] = [
    {"id": "o1", "lines": [{"sku": "a"}, {"sku": "b"}]},
    {"id": "o2", "lines": [{"sku": "a"}]},
    {"id": "o3", "lines": []},
]
OPERATIONS = ["retry", "skip", "compensate", "abort"]


def _event(draw: Draw, step: Json, part: int) -> Json:
    """What a step's event carries; parts of a step may agree or not, and something may be missing."""
    return draw(
        st.sampled_from([{"id": f"{step['name']}-{part}"}, {"id": f"{step['name']}-{part}"}, {"id": "same"}, {}])
    )


@st.composite
def orchestration(draw: Draw) -> Recording:
    """One saga against participants of all sorts."""
    flows = {**FLOWS, **CALLS}
    flow = flows[draw(st.sampled_from(sorted(flows)))]
    trace = Recording("orchestration", decide_orchestration, {"flow": flow})
    now = draw(st.sampled_from([0, 1_000_000]))
    driver = _Conducted(draw, trace, flow)
    placed = draw(st.sampled_from(PLACED[:2] + PLACED))
    driver.note(trace.give({"begin": {"inputs": {"note": "n"}, "event": placed}}, now))
    mood = draw(st.sampled_from(["smooth", "smooth", "rough", "operated"]))
    for _ in range(draw(st.integers(2, 16))):
        now = driver.step(now, mood)
    return trace


class _Conducted:
    """All that an orchestrated saga deals with."""

    def __init__(self, draw: Draw, trace: Recording, flow: Json) -> None:
        self.draw, self.trace, self.flow = draw, trace, flow
        self.asked: dict[int, Json] = {}  # commands and calls by number

    def note(self, effects: list[Json]) -> None:
        for effect in effects:
            asked = effect.get("send") or effect.get("call")
            if asked:
                self.asked[asked["command"]] = asked

    def step(self, now: int, mood: str) -> int:
        """One thing that happens, and the time after it."""
        moves = {
            "smooth": ["answer"] * 6 + ["due", "refuse"],
            "rough": ["answer", "answer", "refuse", "again", "again", "due", "due", "late", "unanswered"],
            "operated": ["answer", "answer", "refuse", "due", "due", "operate", "operate", "late"],
        }[mood]
        move = self.draw(st.sampled_from(moves))
        if move == "due":
            return self._due(now)
        now += self.draw(st.sampled_from([0, 1, 700, 5000]))
        if move == "operate":
            given = {"name": self.draw(st.sampled_from(OPERATIONS)), "force": self.draw(st.integers(0, 3)) == 0}
            self.note(self.trace.give({"operate": given}, now))
            return now
        command = self._command(move)
        if move == "unanswered" or (move == "late" and self.draw(st.booleans())):
            self.note(self.trace.give({"unanswered": {"command": command}}, now))
        else:
            self.note(self.trace.give({"reply": self._reply(command, move)}, now))
        return now

    def _due(self, now: int) -> int:
        timer: int | None = self.trace.state.timer
        at = timer if timer is not None else now
        now = max(now, at + self.draw(st.sampled_from([0, 0, 0, 0, 3, -1, 400_000])))
        self.note(self.trace.give({"timer": {}}, now))
        return now

    def _command(self, move: str) -> int:
        run = self.trace.state.awaited
        awaited: list[int] = [part.command for part in run.parts if part.status == "sent"] if run else []
        if move == "late" or not awaited:
            awaited = [0, *sorted(self.asked)]
        return self.draw(st.sampled_from(awaited))

    def _reply(self, command: int, move: str) -> Json:
        asked = self.asked.get(command, {"step": self.trace.state.step, "part": 1})
        step = self.flow["steps"][asked["step"] - 1]
        forward = asked.get("direction", "forward") == "forward"
        reply = {"command": command, "outcome": "failed", "event": "", "payload": None, "error": ""}
        more: dict[str, Any] = {"retryable": False, "chance": self.draw(CHANCES)}
        if move in ("answer", "late"):
            event = step["succeeds_with"] if forward else step["undone_with"]
            payload = _event(self.draw, step, asked["part"]) if event and self.draw(st.integers(0, 9)) else None
            return {
                **reply,
                **more,
                "outcome": "succeeded",
                "event": event if payload is not None else "",
                "payload": payload,
            }
        if move == "again":
            expired = self.draw(st.integers(0, 2)) == 0
            outcome, error = ("expired", "expired") if expired else ("failed", "conflict")
            return {**reply, **more, "outcome": outcome, "error": error, "retryable": True}
        if step["refuses_with"] and forward and self.draw(st.booleans()):
            return {**reply, **more, "event": step["refuses_with"], "payload": {"why": "no"}}
        return {**reply, **more, "error": self.draw(st.sampled_from(["illegal-state", "closed", ""]))}


def _notice(draw: Draw, flow: Json, known: Json) -> Json:
    kind = draw(st.sampled_from([OVERDUE, OVERDUE, UNDONE, UNDONE, SKIPPED, RETRY, STUCK, ABORTED]))
    step = draw(st.sampled_from([step["name"] for step in flow["steps"]]))
    force = kind == OVERDUE and draw(st.integers(0, 3)) == 0
    return {"type": kind, "step": step, "force": force, "history": known if kind == RETRY else {}}


def _seen(draw: Draw, flow: Json, step: Json, role: str) -> Json:
    """An event of a step, perhaps one of several parts."""
    total = draw(st.sampled_from([1, 2, 2])) if step["for_each"] and role != "refused" else 1
    index = draw(st.integers(1, total))
    payload = draw(st.sampled_from(PLACED)) if step is flow["steps"][0] else _event(draw, step, index)
    return {"step": step["name"], "role": role, "payload": payload, "index": index, "total": total}


def _role(draw: Draw, step: Json, turn: int) -> str:
    roles = ["succeeded"] * turn + ["refused"] * bool(step["refuses_with"]) + ["undone"] * bool(step["undo"])
    return draw(st.sampled_from(roles))


@st.composite
def choreography(draw: Draw) -> Recording:
    """What one participant sees: much of it, in whatever order."""
    flow = FLOWS[draw(st.sampled_from(sorted(FLOWS)))]
    me = draw(st.sampled_from(sorted({step["service"] for step in flow["steps"]})))
    trace = Recording("choreography", decide_choreography, {"flow": flow, "me": me}, {})
    placed = {"step": "Place", "role": "succeeded", "payload": draw(st.sampled_from(PLACED)), "index": 1, "total": 1}
    if draw(st.integers(0, 4)):
        trace.give({"see": placed})
    else:
        placed["role"] = "seen later"
    for _ in range(draw(st.integers(3, 14))):
        effects = trace.steps[-1]["effects"] if trace.steps else []
        match draw(st.sampled_from(["obey", "obey", "next", "next", "any", "notice"])):
            case "obey" if effects:
                _obey(draw, trace, flow, effects[0])
            case "notice":
                trace.give({"note": _notice(draw, flow, _elsewhere(draw, flow))})
            case "any":
                step = draw(st.sampled_from(flow["steps"]))
                trace.give({"see": _seen(draw, flow, step, _role(draw, step, 1))})
            case _:
                step = _next(flow, trace.state)
                trace.give({"see": _seen(draw, flow, step, _role(draw, step, 4))})
    return trace


def _elsewhere(draw: Draw, flow: Json) -> Json:
    """What another one has seen."""
    other = History()
    for step in flow["steps"][: draw(st.integers(0, len(flow["steps"])))]:
        other.see(_seen(draw, flow, step, _role(draw, step, 3)))
    return other.show()


def _next(flow: Json, known: Json) -> Json:
    """The first step that is not seen done, or the last one."""
    history = History(known)
    return next((step for step in flow["steps"] if not history.done(step["name"])), flow["steps"][-1])


def _obey(draw: Draw, trace: Recording, flow: Json, effect: Json) -> None:
    """Do what is due, as a service does: note the inputs, then what came of it."""
    ((kind, a),) = effect.items()
    step = flow["steps"][number(flow, a["step"]) - 1]
    total = len(a.get("inputs", []))
    if kind == "run":
        inputs = a["inputs"] if step["for_each"] else a["inputs"][0]
        trace.give({"did": {"step": a["step"], "inputs": inputs}})
    if kind == "close" or total == 0:
        notice = {"type": SKIPPED if kind == "run" else UNDONE, "step": a["step"], "force": False, "history": {}}
        trace.give({"note": notice})
        return
    role = "undone" if kind == "undo" else draw(st.sampled_from(["succeeded", "succeeded", "refused"]))
    if role == "refused" and not step["refuses_with"]:
        role = "succeeded"
    for index in range(1, 2 if role == "refused" else total + 1):
        seen = {"step": a["step"], "role": role, "payload": _event(draw, step, index), "index": index}
        trace.give({"see": {**seen, "total": 1 if role == "refused" else total}})


@st.composite
def fulfilment(draw: Draw) -> Recording:
    """What the owner of a saga sees and does."""
    flow = FLOWS[draw(st.sampled_from(sorted(FLOWS)))]
    trace = Recording("fulfilment", decide_fulfilment, {"flow": flow})
    now = draw(st.sampled_from([0, 1_000_000]))
    trace.give({"begin": {"inputs": {"note": "n"}, "event": draw(st.sampled_from(PLACED))}}, now)
    for _ in range(draw(st.integers(2, 14))):
        now += draw(st.sampled_from([0, 1, 900, 20_000]))
        match draw(st.sampled_from(["next", "next", "next", "undone", "any", "due", "due", "notice", "operate"])):
            case "due":
                timer = trace.state.timer
                later = draw(st.sampled_from([0, 0, 0, 2, -1, 400_000]))
                now = max(now, (now if timer is None else timer) + later)
                trace.give({"timer": {}}, now)
            case "operate":
                given = {"name": draw(st.sampled_from(OPERATIONS)), "force": draw(st.integers(0, 3)) == 0}
                trace.give({"operate": given}, now)
            case "notice":
                trace.give({"note": _notice(draw, flow, {})}, now)
            case "undone":
                left = trace.state.left_to_undo or [1]
                step = flow["steps"][left[0] - 1]
                if step["undo"] and draw(st.integers(0, 2)):
                    trace.give({"see": _seen(draw, flow, step, "undone")}, now)
                else:
                    notice = {"type": UNDONE, "step": step["name"], "force": False, "history": {}}
                    trace.give({"note": notice}, now)
            case "any":
                step = draw(st.sampled_from(flow["steps"]))
                trace.give({"see": _seen(draw, flow, step, _role(draw, step, 1))}, now)
            case _:
                step = _next(flow, trace.state.history.show())
                trace.give({"see": _seen(draw, flow, step, _role(draw, step, 4))}, now)
    return trace
