"""Traces of back-off, tries, breakers, bulkheads, rate limits, deadlines and leases."""

from __future__ import annotations

from hypothesis import strategies as st

from model import calls, leases
from model.traces.recording import Recording
from model.values import Json

CHANCES = st.one_of(st.sampled_from([0, 1, 32767, 32768, 65535]), st.integers(0, 65535))
Draw = st.DrawFn


@st.composite
def back_off(draw: Draw) -> Recording:
    """All sorts of bases, caps and attempts, also far beyond the cap."""
    trace = Recording("back-off", calls.back_off, {}, keeps=False)
    for _ in range(draw(st.integers(1, 8))):
        given = {
            "attempt": draw(st.one_of(st.integers(1, 12), st.sampled_from([33, 64, 200]))),
            "base": draw(st.sampled_from([1, 7, 50, 200, 500, 1000])),
            "cap": draw(st.sampled_from([1, 99, 400, 2000, 30_000, 300_000])),
            "chance": draw(CHANCES),
        }
        trace.give({draw(st.sampled_from(["equal", "full"])): given}, 0, {})
    return trace


@st.composite
def retry(draw: Draw) -> Recording:
    """Calls that fail, with more and less budget and time."""
    tenths = draw(st.one_of(st.sampled_from([0, 9, 10, 11, 99, 100]), st.integers(0, 100)))
    attempts = draw(st.sampled_from([1, 2, 3, 5]))
    trace = Recording("retry", calls.retry, {"attempts": attempts}, {"tenths": tenths, "tried": 0})
    trace.give({"call": {}})
    for _ in range(draw(st.integers(1, 9))):
        if draw(st.integers(0, 3)) == 0:
            trace.give({"call": {}})
            continue
        remaining = draw(st.one_of(st.sampled_from([0, 1, 25, 50, 100, 5000]), st.integers(0, 400)))
        repeatable = draw(st.integers(0, 6)) > 0
        trace.give({"failed": {"repeatable": repeatable, "remaining": remaining, "chance": draw(CHANCES)}})
    return trace


@st.composite
def breaker(draw: Draw) -> Recording:
    """Callees that break, recover, break again; calls of before that end late."""
    limit = draw(st.integers(1, 5))
    opened = draw(st.sampled_from([1000, 30_000, 200_000]))
    trace = Recording("breaker", calls.breaker, {"failures": limit, "open": opened}, dict(calls.CLOSED))
    now, from_before, failing = draw(st.integers(0, 5000)), 0, False
    for _ in range(draw(st.integers(4, 24))):
        moves = ["call", "call", "wait", "until", "turn"] + ["late"] * bool(from_before)
        match draw(st.sampled_from(moves)):
            case "wait":
                now += draw(st.sampled_from([1, 500, 30_000]))
            case "until":
                now = max(now, trace.state["until"] + draw(st.sampled_from([-1, 0, 1])))
            case "turn":
                failing = not failing
            case "late":
                if trace.state["name"] == "open" and now < trace.state["until"]:
                    from_before -= 1
                    trace.give({"note": {"succeeded": draw(st.booleans()), "spread": 1000}}, now)
            case _:
                closed = trace.state["name"] == "closed"
                admitted = trace.give({"call": {}}, now)[0]["admit"]
                if admitted and closed and draw(st.integers(0, 4)) == 0:
                    from_before += 1  # it will answer later
                elif admitted:
                    now += draw(st.integers(0, 50))
                    succeeded = draw(st.integers(0, 5)) == 0 if failing else draw(st.integers(0, 5)) > 0
                    spread = draw(st.sampled_from([900, 950, 1000, 1042, 1100]))
                    trace.give({"note": {"succeeded": succeeded, "spread": spread}}, now)
    if not trace.steps:
        trace.give({"call": {}}, now)
    return trace


@st.composite
def bulkhead(draw: Draw) -> Recording:
    """More calls than there are places, and than there are places to wait."""
    config = {"concurrent": draw(st.integers(1, 4)), "queued": draw(st.integers(0, 4))}
    trace = Recording("bulkhead", calls.bulkhead, config, {"running": 0, "waiting": 0})
    for _ in range(draw(st.integers(2, 20))):
        running, waiting = trace.state["running"], trace.state["waiting"]
        moves = ["enter", "enter"] + ["leave"] * bool(running) + ["gave-up"] * bool(waiting)
        moves += ["free", "free"] * (waiting > 0 and running < config["concurrent"])
        move = draw(st.sampled_from(moves))
        fields = {"remaining": draw(st.sampled_from([0, 3, 4, 1000, 5001]))} if move == "enter" else {}
        trace.give({move: fields})
    return trace


@st.composite
def rate_limit(draw: Draw) -> Recording:
    """Bursts and pauses; clocks that stand still or go back."""
    rate = draw(st.sampled_from([1, 2, 6, 60, 1000]))
    now = draw(st.integers(0, 100_000))
    start = draw(st.sampled_from(["new", "empty", "nearly", "some"]))
    units = {"empty": 0, "nearly": calls.TOKEN - rate, "some": draw(st.integers(0, rate * calls.TOKEN))}
    state = None if start == "new" else {"units": max(0, units[start]), "counted": now}
    trace = Recording("rate-limit", calls.rate_limit, {"per_minute": rate}, state)
    for _ in range(draw(st.integers(2, 12))):
        gap = draw(st.sampled_from([0, 0, 1, 59, 60, 999, 1000, 60_000 // rate, 60_000, 10**7, -1, -500]))
        now = max(0, now + gap)
        trace.give({"request": {}}, now)
    return trace


@st.composite
def deadline(draw: Draw) -> Recording:
    """Budgets around their limits, and headers that make no sense."""
    usual = draw(st.sampled_from([50, 51, 1000, 5000, 30_000]))
    trace = Recording("deadline", calls.deadline, {"usual": usual}, keeps=False)
    near = st.sampled_from([-1, 0, 1, 49, 50, 51, 52, usual - 1, usual, usual + 1, usual + 49, usual + 51, 10**9])
    for _ in range(draw(st.integers(1, 8))):
        now = draw(st.integers(0, 10_000))
        match draw(st.sampled_from(["arrive", "call", "command"])):
            case "arrive":
                odd = st.sampled_from([None, "", "x", "1.5", "1e3", "0x10", "--1", "5s"])
                text = draw(st.one_of(near.map(str), odd))
                trace.give({"arrive": {"given": text}}, now, {})
            case "call":
                trace.give({"call": {"remaining": max(0, draw(near))}}, now, {})
            case _:
                expires = draw(st.one_of(st.none(), st.sampled_from([now - 1, now, now + 1]), st.integers(0, 10_000)))
                trace.give({"command": {"expires": None if expires is None else max(0, expires)}}, now, {})
    return trace


@st.composite
def lease(draw: Draw) -> Recording:
    """Owners that take turns, sleep over the end of their lease, and come back with an old token."""
    now = 0
    trace = Recording("lease", leases.lease, {}, dict(leases.NEVER_TAKEN))
    for _ in range(draw(st.integers(3, 18))):
        now = _later(draw, now, trace.state["expires"])
        owner = draw(st.sampled_from(["a", "b", "c"]))
        token = max(0, trace.state["token"] - draw(st.sampled_from([0, 0, 0, 1, 2])))
        kind = draw(st.sampled_from(["take", "take", "take", "renew", "guard", "guard", "release", "fence", "trust"]))
        fields: Json = {"owner": owner, "token": token}
        if kind in ("take", "renew"):
            fields["ttl"] = draw(st.sampled_from([3000, 10_000]))
        if kind == "take":
            del fields["token"]
        if kind == "fence":
            del fields["owner"]
        if kind == "trust":
            fields = {"renewed": max(0, now - draw(st.sampled_from([0, 6999, 7000, 7001, 20_000])))}
        trace.give({kind: fields}, now)
    return trace


def _later(draw: Draw, now: int, expires: int) -> int:
    gap = draw(st.sampled_from([0, 1000, 2999, "before", "at", "after"]))
    around = {"before": expires - 1, "at": expires, "after": expires + 1}
    return max(now, around[str(gap)]) if gap in around else now + int(str(gap))
