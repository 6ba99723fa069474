"""What keeps calls of peers from making things worse: back-off, tries, breaker, bulkhead, rate limit, deadlines."""

from __future__ import annotations

import re
from fractions import Fraction

from model.values import Effects, Given, Json, Unknown, equal_jitter, full_jitter, kind_of

CALL_BASE, CALL_CAP = 50, 2_000
BUDGET_SHARE = Fraction(1, 10)  # tries again for each call
BUDGET_MOST = 10  # tries that may be saved
OPEN_MOST = 300_000
PROBES_TO_CLOSE = 2
WAY_BACK = 50
TOKEN = 60_000  # units: what a rate of one a minute brings in a minute


def back_off(_config: Json, _state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """How long to wait after the n-th failure."""
    kind, a = kind_of(given)
    jitter = {"equal": equal_jitter, "full": full_jitter}[kind]
    return None, [{"wait": jitter(a["attempt"], a["base"], a["cap"], a["chance"])}]


def retry(config: Json, state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """Whether a failed call is tried again: a tenth of all calls may be."""
    kind, a = kind_of(given)
    budget, tried = Fraction(state["tenths"], 10), state["tried"]
    if kind == "call":
        return _tries(min(budget + BUDGET_SHARE, Fraction(BUDGET_MOST)), 1), []
    if kind != "failed":
        raise Unknown(kind)
    delay = full_jitter(tried, CALL_BASE, CALL_CAP, a["chance"])
    reasons_to_stop = (not a["repeatable"], tried >= config["attempts"], delay >= a["remaining"], budget < 1)
    if any(reasons_to_stop):
        return state, [{"fail": {}}]
    return _tries(budget - 1, tried + 1), [{"again": delay}]


def _tries(budget: Fraction, tried: int) -> Json:
    return {"tenths": int(budget * 10), "tried": tried}


CLOSED = {"name": "closed", "failures": 0, "openings": 0, "successes": 0, "until": 0, "probing": False}


def breaker(config: Json, state: Json, given: Given, now: int) -> tuple[Json, Effects]:
    """Left alone after so many failures in a row, each time for longer; then one probe at a time."""
    kind, a = kind_of(given)
    if kind == "call":
        return _call(state, now)
    if kind != "note":
        raise Unknown(kind)
    return _noted(config, state, a["succeeded"], now, a["spread"]), []


def _call(state: Json, now: int) -> tuple[Json, Effects]:
    name = state["name"]
    if name == "closed":
        return state, [{"admit": True}]
    waits_for_probe = name == "half-open" and state["probing"]
    if waits_for_probe or (name == "open" and now < state["until"]):
        return state, [{"admit": False}]
    return {**state, "name": "half-open", "probing": True, "until": 0}, [{"admit": True}]


def _noted(config: Json, state: Json, succeeded: bool, now: int, spread: int) -> Json:
    probed = state["name"] == "half-open" and state["probing"]
    if state["name"] != "closed" and not probed:
        return state  # of a call from before
    if succeeded:
        good = state["successes"] + 1
        closes = not probed or good == PROBES_TO_CLOSE
        return dict(CLOSED) if closes else {**state, "successes": good, "probing": False}
    failures = state["failures"] + 1
    if not probed and failures < config["failures"]:
        return {**state, "failures": failures}
    openings = state["openings"] + 1
    rest = min(OPEN_MOST, config["open"] << (openings - 1)) * spread // 1000
    return {**CLOSED, "name": "open", "openings": openings, "until": now + rest}


def bulkhead(config: Json, state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """So many calls at once, so many that wait, in turn."""
    kind, a = kind_of(given)
    running, waiting = state["running"], state["waiting"]
    if kind == "leave":
        return _load(running - 1, waiting), []
    if kind == "free":
        return _load(running + 1, waiting - 1), []
    if kind == "gave-up":
        return _load(running, waiting - 1), []
    if kind != "enter":
        raise Unknown(kind)
    if waiting == 0 and running < config["concurrent"]:
        return _load(running + 1, 0), [{"run": {}}]
    if waiting == config["queued"]:
        return state, [{"refuse": {}}]
    return _load(running, waiting + 1), [{"wait": a["remaining"] // 4}]


def _load(running: int, waiting: int) -> Json:
    return {"running": running, "waiting": waiting}


def rate_limit(config: Json, state: Json, given: Given, now: int) -> tuple[Json, Effects]:
    """A bucket of tokens for one subject. It begins full, holds what a minute brings, and each request takes one."""
    kind, _ = kind_of(given)
    if kind != "request":
        raise Unknown(kind)
    rate = config["per_minute"]
    full = rate * TOKEN
    units, counted = (full, now) if state is None else (state["units"], state["counted"])
    if now > counted:
        units, counted = min(full, units + (now - counted) * rate), now
    if units >= TOKEN:
        return {"units": units - TOKEN, "counted": counted}, [{"admit": {}}]
    missing = Fraction(TOKEN - units, rate * 1000)  # seconds
    seconds = int(missing) + (missing.denominator != 1)
    return {"units": units, "counted": counted}, [{"refuse": {"seconds": seconds}}]


def deadline(config: Json, _state: Json, given: Given, now: int) -> tuple[Json, Effects]:
    """How long a request may take, and what of that a callee is told."""
    kind, a = kind_of(given)
    if kind == "arrive":
        return None, _arriving(a["given"], config["usual"])
    if kind == "call":
        wait = min(a["remaining"], config["usual"])
        told = wait - WAY_BACK
        return None, [{"call": {"wait": wait, "told": told}} if told > 0 else {"expired": {}}]
    if kind != "command":
        raise Unknown(kind)
    over = a["expires"] is not None and now > a["expires"]
    return None, [{"expired": {}} if over else {"begin": {}}]


def _arriving(text: str | None, usual: int) -> Effects:
    if text is None:
        return [{"budget": usual}]
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        return [{"malformed": {}}]
    budget = min(int(text), usual)
    return [{"budget": budget} if budget > 0 else {"expired": {}}]
