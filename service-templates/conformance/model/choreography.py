"""A participant of a choreographed saga: what it must do now, given what it has seen.

Undoing comes first, later steps before earlier ones; then doing, in order. A step may run when the one before it is
done and nothing says that it is not wanted any more.
"""

from __future__ import annotations

from model import bindings
from model.bindings import NotKnown
from model.flows import last_that_may_fail
from model.history import History
from model.values import Effects, Given, Json, Unknown, kind_of


def choreography(config: Json, state: Json, given: Given, _now: int) -> tuple[Json, Effects]:
    """The history after an input, and the one thing that is due, if any."""
    kind, a = kind_of(given)
    history = History(state)
    if kind == "see":
        history.see(a)
    elif kind == "note":
        history.note(a)
    elif kind == "did":
        history.maps["inputs"][a["step"]] = a["inputs"]
    else:
        raise Unknown(kind)
    return history.show(), due(config["flow"], config["me"], history)


def due(flow: Json, me: str, history: History) -> Effects:
    """At most one effect."""
    if history.has("aborted"):
        return []
    mine = [seq for seq, step in enumerate(flow["steps"], 1) if step["service"] == me]
    found = [effect for seq in reversed(mine) for effect in _back(flow, seq, history)]
    found += [effect for seq in mine for effect in _on(flow, seq, history)]
    return found[:1]


def _on(flow: Json, seq: int, history: History) -> Effects:
    """Carry the step out, if it is its turn."""
    if seq == 1 or not history.done(flow["steps"][seq - 2]["name"]):
        return []
    step = flow["steps"][seq - 1]
    name = step["name"]
    known = history.done(name) or history.refused(name) or history.undone(name)
    if known or called_off(flow, seq, history) or must_be_undone(flow, seq, history):
        return []
    try:
        parts = bindings.inputs(step["bindings"], step, history.data(flow), lenient=False)
    except NotKnown:
        return []  # what carries it has not come yet
    return [{"run": {"step": name, "inputs": [each for each, _ in parts]}}]


def called_off(flow: Json, seq: int, history: History) -> bool:
    """Overdue: nothing is begun any more, except behind a pivot that stays."""
    return history.has("overdue") and (history.has("forced") or seq <= last_that_may_fail(flow))


def must_be_undone(flow: Json, seq: int, history: History) -> bool:
    """A refusal has come down to the step, or the undoing of the next one has, or it is overdue and its turn."""
    steps, last = flow["steps"], last_that_may_fail(flow)
    for later in steps[seq:last]:
        if history.refused(later["name"]) or (later["undo"] and history.undone(later["name"])):
            return True
        if later["undo"]:
            break  # from here on it is for that one to go first
    return history.has("overdue") and _overdue_here(steps, seq, last, history)


def _overdue_here(steps: list[Json], seq: int, last: int, history: History) -> bool:
    if history.has("forced"):
        return all(history.undone(step["name"]) for step in steps[seq : seq + 1])
    if seq == last:
        return not history.done(steps[seq - 1]["name"])
    return seq < last and history.undone(steps[seq]["name"])


def _back(flow: Json, seq: int, history: History) -> Effects:
    """Undo the step, or make sure that it never runs."""
    step = flow["steps"][seq - 1]
    name = step["name"]
    if history.undone(name) or history.refused(name) or not must_be_undone(flow, seq, history):
        return []
    if not step["undo"] and not history.has("overdue"):
        return []  # a refusal passes by what nothing undoes
    if not step["undo"] or not history.ran(name):
        return [{"close": {"step": name}}]
    parts = bindings.inputs(step["undo_bindings"], step, history.data(flow), lenient=True)
    return [{"undo": {"step": name, "inputs": [each for each, _ in parts]}}]
