"""Traces of the relay, the inbox, the retry topics and the barrier."""

from __future__ import annotations

from hypothesis import strategies as st

from model import barrier as participants
from model import messages
from model.traces.calls import CHANCES, Draw
from model.traces.recording import Recording
from model.values import Json


@st.composite
def relay(draw: Draw) -> Recording:
    """Batches of few keys, parts of which are not acknowledged; and instances that come and go."""
    trace = Recording("relay", messages.relay, {}, keeps=False)
    position = 1
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.integers(0, 3)) == 0:
            _rebalance(draw, trace)
            continue
        batch, results = [], []
        for _ in range(draw(st.integers(0, 12))):
            position += draw(st.integers(1, 3))
            topic, key = draw(st.sampled_from(["x", "y"])), draw(st.sampled_from(["a", "b", "c"]))
            attempts = draw(st.sampled_from([0, 0, 0, 1, 2, 7, 8, 9, 12]))
            batch.append({"position": position, "topic": topic, "key": key, "attempts": min(attempts, 9)})
            results.append(draw(st.sampled_from([None, None, None, None, "broker", "message", "message", "fatal"])))
        trace.give({"settle": {"results": results, "chance": draw(CHANCES)}}, 0, {"batch": batch})
    return trace


def _rebalance(draw: Draw, trace: Recording) -> None:
    owned = draw(st.lists(st.integers(0, 2), min_size=messages.BUCKETS, max_size=messages.BUCKETS))
    mine = [bucket for bucket, owner in enumerate(owned) if owner == 0]
    free = [bucket for bucket, owner in enumerate(owned) if owner == 1]
    given = {"free": free, "instances": draw(st.integers(1, 9)), "start": draw(st.integers(0, 63))}
    trace.give({"rebalance": given}, 0, {"mine": mine})


@st.composite
def retry_topic(draw: Draw) -> Recording:
    """Records that fail again and again on their way through the levels."""
    delays = draw(st.sampled_from([[], [5000], [5000, 30_000, 120_000, 600_000]]))
    trace = Recording("retry-topic", messages.retry_topic, {"delays": delays}, keeps=False)
    for _ in range(draw(st.integers(1, 8))):
        given = {"final": draw(st.integers(0, 4)) == 0, "counts": draw(st.integers(0, 3)) > 0}
        if delays or given["counts"] or given["final"]:
            trace.give({"failed": given}, 0, {"level": draw(st.integers(-1, len(delays)))})
    if not trace.steps:
        trace.give({"failed": {"final": True, "counts": True}}, 0, {"level": -1})
    return trace


@st.composite
def inbox(draw: Draw) -> Recording:
    """One key: its records come in order and out of it, again, too late; some fail, some wait."""
    most = draw(st.sampled_from([1, 2, 8]))
    trace = Recording("inbox", messages.inbox, {"attempts": most}, keeps=False)
    key = _Key(draw(st.sampled_from([None, None, 3])), draw(st.integers(0, 5)) == 0)
    for _ in range(draw(st.integers(3, 16))):
        match draw(st.sampled_from(["arrive", "arrive", "arrive", "turn", "turn", "failed"])):
            case "arrive":
                key.arrive(draw, trace)
            case "turn":
                key.turn(draw, trace, most)
            case _:
                trace.give({"failed": _failure(draw, in_place=True)}, 0, {"tried": draw(st.integers(1, 3))})
    return trace


class _Key:
    """What is known of one key as its records come and go."""

    def __init__(self, last: int | None, beginning_removed: bool) -> None:
        self.last, self.beginning_removed = last, beginning_removed
        self.handled: set[int] = set()
        self.parked: dict[int, tuple[str, int]] = {}  # sequence (0: none): reason, attempts

    def arrive(self, draw: Draw, trace: Recording) -> None:
        applied = self.last or 0
        near = applied + draw(st.sampled_from([1, 1, 1, 2, 3, 0, -1, 5]))
        sequence = None if draw(st.integers(0, 9)) == 0 else max(1, near)
        reopened = draw(st.integers(0, 11)) == 0
        state = {
            "seen": not reopened and sequence in self.handled and draw(st.booleans()),
            "last": self.last,
            "waiting": min(self.parked, default=None),
            "beginning_removed": self.beginning_removed,
            "reopened": reopened,
        }
        verdict = trace.give({"arrive": {"sequence": sequence}}, 0, state)[0]["verdict"]
        if verdict in ("gap", "behind_parked"):
            self.parked.setdefault(sequence or 0, (verdict, 0))
        elif verdict == "handle" and sequence is not None and not reopened:
            if draw(st.integers(0, 3)) == 0:
                self.parked[sequence] = ("error", 1)
            else:
                self.last = sequence
                self.handled.add(sequence)

    def turn(self, draw: Draw, trace: Recording, most: int) -> None:
        first = min(self.parked, default=None)
        if first is None:
            return
        reason, attempts = self.parked[first]
        state = {"reason": reason, "attempts": attempts}
        if reason == "gap" and draw(st.booleans()):
            effects = trace.give({"parked-gap": {"chance": draw(CHANCES)}}, 0, state)
        elif draw(st.booleans()):
            effects = trace.give({"parked-failed": _failure(draw)}, 0, state)
            reason = "error"
        else:
            effects = [{"give-up": {}}]  # it succeeded
        if "postpone" in effects[0]:
            self.parked[first] = (reason, effects[0]["postpone"]["attempts"])
        else:
            del self.parked[first]
            self.last = max(self.last or 0, first)


def _failure(draw: Draw, in_place: bool = False) -> Json:
    final = draw(st.integers(0, 4)) == 0
    failure = {"final": final, "counts": final or draw(st.integers(0, 3)) > 0, "chance": draw(CHANCES)}
    return {"in_place": not final and draw(st.booleans()), **failure} if in_place else failure


@st.composite
def barrier(draw: Draw) -> Recording:
    """Commands of one step and of its undoing, in any order, again, and too late."""
    kind = draw(st.sampled_from(["compensatable", "compensatable", "pivot", "retriable"]))
    trace = Recording("barrier", participants.barrier, {"kind": kind}, {"forward": None, "compensate": None})
    for _ in range(draw(st.integers(1, 7))):
        direction = draw(st.sampled_from(["forward", "compensate"]))
        results = ["succeeded", "succeeded", "rejected", "error", "conflict"]
        results += ["needless"] * (direction == "compensate")
        given = {
            "direction": direction,
            "expired": draw(st.integers(0, 5)) == 0,
            "result": draw(st.sampled_from(results)),
        }
        trace.give({"command": given})
    return trace
