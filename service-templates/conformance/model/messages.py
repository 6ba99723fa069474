"""How messages get out of the outbox, into the inbox, and what becomes of those that fail."""

from __future__ import annotations

import math

from model.values import Effects, Given, Json, Unknown, equal_jitter, kind_of

BUCKETS = 64
RELAY_BASE, RELAY_CAP, RELAY_ATTEMPTS = 200, 30_000, 10
IN_PLACE_BASE, IN_PLACE_CAP, IN_PLACE_TRIES = 50, 400, 3
PARKED_BASE, PARKED_CAP = 1_000, 300_000


def relay(_config: Json, state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """What to write after a batch was sent, and which buckets to hold."""
    kind, a = kind_of(given)
    if kind == "settle":
        return None, _settled(state["batch"], a["results"], a["chance"])
    if kind != "rebalance":
        raise Unknown(kind)
    return None, _rebalanced(state["mine"], a["free"], a["instances"], a["start"])


def _settled(batch: list[Json], results: list[str | None], chance: int) -> Effects:
    """Key by key: all before its first failure is delivered, the failure decides, the rest stays as it is."""
    keys: dict[tuple[str, str], list[tuple[Json, str | None]]] = {}
    for row, result in zip(batch, results, strict=True):
        keys.setdefault((row["topic"], row["key"]), []).append((row, result))
    delete, hold, bury, broker_failed = [], [], [], False
    for rows in keys.values():
        good = next((index for index, (_, result) in enumerate(rows) if result is not None), len(rows))
        delete += [row["position"] for row, _ in rows[:good]]
        for row, result in rows[good : good + 1]:
            attempts = row["attempts"] + 1
            if result == "broker":
                broker_failed = True
            elif result == "fatal" or attempts == RELAY_ATTEMPTS:
                bury.append(row["position"])
            else:
                delay = equal_jitter(attempts, RELAY_BASE, RELAY_CAP, chance)
                hold.append({"position": row["position"], "delay": delay})
    return [
        *([{"delete": sorted(delete)}] if delete else []),
        *([{"hold": sorted(hold, key=lambda held: held["position"])}] if hold else []),
        *([{"bury": sorted(bury)}] if bury else []),
        *([{"broker-failed": True}] if broker_failed else []),
    ]


def _rebalanced(mine: list[int], free: list[int], instances: int, start: int) -> Effects:
    share = math.ceil(BUCKETS / instances)
    around = [bucket for turn in range(BUCKETS) if (bucket := (start + turn) % BUCKETS) in free]
    kept = sorted(mine)[:share]
    return [{"take": around[: share - len(kept)]}, {"give": sorted(set(mine) - set(kept))}]


def retry_topic(config: Json, state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """Where a record goes that failed and whose order does not matter."""
    kind, a = kind_of(given)
    if kind != "failed":
        raise Unknown(kind)
    delays, level = config["delays"], state["level"]
    following = max(level, 1) if not a["counts"] else max(level, 0) + 1
    if a["final"] or following > len(delays):
        return None, [{"dead": {}}]
    return None, [{"forward": {"level": following, "delay": delays[following - 1]}}]


def inbox(config: Json, state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """What to do with a record that arrives, that failed, or that waits."""
    kind, a = kind_of(given)
    most = config["attempts"]
    if kind == "arrive":
        return None, [{"verdict": _verdict(state, a["sequence"])}]
    if kind == "failed":
        return None, _failed(state["tried"], a, most)
    if kind == "parked-failed":
        own = state["attempts"] if state["reason"] == "error" else 0
        return None, _parked(most if a["final"] else own + a["counts"], most, a["chance"])
    if kind != "parked-gap":
        raise Unknown(kind)
    return None, _parked(state["attempts"] + 1, most, a["chance"])


def _verdict(state: Json, sequence: int | None) -> str:
    """Applied are 1, 2, 3 … of a key, each once; whoever comes too early waits, and so do those behind it."""
    if state["reopened"]:
        return "handle"
    if state["seen"]:
        return "duplicate"
    waiting = state["waiting"]
    if sequence is None:
        return "handle" if waiting is None else "behind_parked"
    applied = state["last"] or 0
    if sequence <= applied:
        return "stale"
    if waiting is not None and waiting <= sequence:
        return "behind_parked"
    may_begin_here = state["last"] is None and state["beginning_removed"]
    return "handle" if may_begin_here or sequence - applied == 1 else "gap"


def _failed(tried: int, a: Json, most: int) -> Effects:
    if a["in_place"] and tried < IN_PLACE_TRIES:
        return [{"again": equal_jitter(tried, IN_PLACE_BASE, IN_PLACE_CAP, a["chance"])}]
    if a["final"]:
        return [{"park": {"attempts": most, "delay": 0}}]
    delay = equal_jitter(1, PARKED_BASE, PARKED_CAP, a["chance"])
    return [{"park": {"attempts": 1 if a["counts"] else 0, "delay": delay}}]


def _parked(attempts: int, most: int, chance: int) -> Effects:
    if attempts >= most:
        return [{"give-up": {}}]
    delay = equal_jitter(max(1, attempts), PARKED_BASE, PARKED_CAP, chance)
    return [{"postpone": {"attempts": attempts, "delay": delay}}]
