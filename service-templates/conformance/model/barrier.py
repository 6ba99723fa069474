"""A participant's barrier: a step and its compensation each happen at most once, and never a step after its undoing."""

from __future__ import annotations

from model.values import Effects, Given, Json, Unknown, kind_of


def barrier(config: Json, state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """What a participant does with a command of a saga, and what of it stays."""
    kind, a = kind_of(given)
    if kind != "command":
        raise Unknown(kind)
    direction = a["direction"]
    if state[direction] in ("succeeded", "failed"):
        return state, [_reply(state[direction])]
    if a["expired"]:
        return state, [_reply("expired", retryable=True)]
    if state[direction] == "closed":
        return state, [_reply("failed")]
    if direction == "forward":
        return _carried_out(config, state, "forward", a["result"])
    if state["forward"] is None:
        return {"forward": "closed", "compensate": "succeeded"}, [_reply("succeeded")]
    if state["forward"] != "succeeded":
        return {**state, "compensate": "succeeded"}, [_reply("succeeded")]
    return _carried_out(config, state, "compensate", a["result"])


def _carried_out(config: Json, state: Json, direction: str, result: str) -> tuple[Json, Effects]:
    must_succeed = direction == "forward" and config["kind"] == "retriable"
    done = {"succeeded": "succeeded", "needless": "succeeded", "rejected": None if must_succeed else "failed"}
    outcome = done.get(result)
    if outcome is None:  # rolled back, with the barrier
        return state, [{"act": {}}, _reply("failed", retryable=result != "error")]
    return {**state, direction: outcome}, [{"act": {}}, _reply(outcome)]


def _reply(outcome: str, *, retryable: bool = False) -> dict[str, Json]:
    return {"reply": {"outcome": outcome, "retryable": retryable}}
