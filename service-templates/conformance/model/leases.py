"""A lease with a fencing token, on the database's clock; trust in it, on the holder's own."""

from __future__ import annotations

from model.values import Effects, Given, Json, Unknown, kind_of

TRUST = 7_000
NEVER_TAKEN = {"owner": None, "token": 0, "expires": 0, "fence": 0}


def lease(_config: Json, state: Json, given: Given, now: int) -> tuple[Json, Effects]:
    """At most one owner at a time; a token tells owners apart, also the same one before and after a gap."""
    kind, a = kind_of(given)
    running = state["owner"] is not None and now < state["expires"]
    if kind == "take":
        return _take(state, a["owner"], now + a["ttl"], running)
    if kind == "trust":
        return state, [{"trust": now - a["renewed"] <= TRUST}]
    if kind == "fence":
        held = a["token"] >= state["fence"]
        return {**state, "fence": max(state["fence"], a["token"])}, [{"held": held}]
    mine = state["owner"] == a["owner"] and state["token"] == a["token"]
    if kind == "release":  # also of one that has ended: nothing is lost by it
        return {**state, "owner": None, "expires": 0} if mine else state, [{"held": mine}]
    held = mine and running
    if kind == "renew":
        return {**state, "expires": now + a["ttl"]} if held else state, [{"held": held}]
    if kind != "guard":
        raise Unknown(kind)
    return state, [{"held": held}]


def _take(state: Json, owner: str, expires: int, running: bool) -> tuple[Json, Effects]:
    prolongs = running and state["owner"] == owner
    if running and not prolongs:
        return state, [{"token": None}]
    token = state["token"] if prolongs else state["token"] + 1
    return {**state, "owner": owner, "token": token, "expires": expires}, [{"token": token}]
