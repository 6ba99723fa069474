"""What somebody has seen of a choreographed saga: facts, whose order and repetition do not matter."""

from __future__ import annotations

import copy
from typing import Any

from model.bindings import REJECTION
from model.values import Json

MAPS = ("inputs", "succeeded", "undone", "totals", "refused")
SETS = ("skipped", "cleared")
FLAGS = ("overdue", "forced", "aborted")
OVERDUE = "fleet.fulfilment.overdue.v1"
UNDONE = "fleet.saga.undone.v1"
SKIPPED = "fleet.saga.skipped.v1"
RETRY = "fleet.saga.retry.v1"
STUCK = "fleet.saga.stuck.v1"
ABORTED = "fleet.saga.aborted.v1"


class History:
    """Facts of one saga; what was said first stays."""

    def __init__(self, known: Json = None) -> None:
        known = copy.deepcopy(known or {})
        self.maps: dict[str, dict[str, Any]] = {name: known.get(name, {}) for name in MAPS}
        self.sets: dict[str, set[str]] = {name: set(known.get(name, [])) for name in SETS}
        self.flags: set[str] = {name for name in FLAGS if known.get(name)}

    def show(self) -> Json:
        """As in a trace and on the wire, without what is empty."""
        shown: dict[str, Any] = {**self.maps, **{name: sorted(each) for name, each in self.sets.items()}}
        shown |= {name: name in self.flags for name in FLAGS}
        return copy.deepcopy({name: value for name, value in shown.items() if value})

    def see(self, a: Json) -> None:
        """An event of a step."""
        step = a["step"]
        if a["role"] == "refused":
            self.maps["refused"].setdefault(step, a["payload"])
            return
        self.maps[a["role"]].setdefault(step, {}).setdefault(str(a["index"]), a["payload"])
        self.maps["totals"].setdefault(step, a["total"])

    def note(self, a: Json) -> None:
        """A notice."""
        if a["type"] == OVERDUE:
            self.flags |= {"overdue", "forced"} if a["force"] else {"overdue"}
        elif a["type"] == UNDONE:
            self.sets["cleared"].add(a["step"])
        elif a["type"] == SKIPPED:
            self.sets["skipped"].add(a["step"])
        elif a["type"] == ABORTED:
            self.flags.add("aborted")
        elif a["type"] == RETRY:
            self.learn(History(a["history"]))

    def learn(self, other: History) -> None:
        """What somebody else has seen."""
        for name, theirs in other.maps.items():
            for step, value in theirs.items():
                if name in ("succeeded", "undone") and step in self.maps[name]:
                    self.maps[name][step] = value | self.maps[name][step]
                else:
                    self.maps[name].setdefault(step, value)
        for name in SETS:
            self.sets[name] |= other.sets[name]
        self.flags |= other.flags

    def has(self, flag: str) -> bool:
        """Whether a flag is up."""
        return flag in self.flags

    def all_parts(self, role: str, step: str) -> bool:
        """Whether all parts of the step are seen in that role."""
        seen = self.maps[role].get(step)
        return seen is not None and len(seen) >= self.maps["totals"].get(step, 1)

    def ran(self, step: str) -> bool:
        """The step was carried out, whole."""
        return self.all_parts("succeeded", step)

    def done(self, step: str) -> bool:
        """The step was carried out or passed over."""
        return self.ran(step) or step in self.sets["skipped"]

    def undone(self, step: str) -> bool:
        """Nothing of the step is left."""
        return self.all_parts("undone", step) or step in self.sets["cleared"]

    def refused(self, step: str) -> bool:
        """The step was refused."""
        return step in self.maps["refused"]

    def data(self, flow: Json) -> dict[str, Any]:
        """Payloads by message."""
        known = dict(self.maps["inputs"])
        rejection = "timeout" if self.has("overdue") else ""
        for step in reversed(flow["steps"]):
            name, fans = step["name"], bool(step["for_each"])
            if self.ran(name):
                known[step["succeeds_with"]] = _parts(self.maps["succeeded"][name], fans)
            elif fans and name in self.sets["skipped"]:
                known[step["succeeds_with"]] = []
            if name in self.maps["undone"] and self.undone(name):
                known[step["undone_with"]] = _parts(self.maps["undone"][name], fans)
            if self.refused(name):
                known[step["refuses_with"]] = self.maps["refused"][name]
                rejection = step["refuses_with"] or rejection
        return {**known, REJECTION: rejection}


def _parts(parts: dict[str, Any], fans: bool) -> Json:
    ordered = [parts[index] for index in sorted(parts, key=int)]
    return ordered if fans else ordered[0]
