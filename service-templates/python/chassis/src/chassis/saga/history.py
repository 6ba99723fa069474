"""What has been seen of a choreographed saga. Seeing is additive: the order of arrival leaves no trace.

Participants and the owner's monitor decide on the same history, each on as much of it as reached them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from chassis.saga.bindings import REJECTION
from chassis.saga.flow import Flow

Role = Literal["succeeded", "refused", "undone"]
_NO_PARTS: Mapping[int, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An event of a step. `index` counts from 1."""

    step: str
    role: Role
    payload: Any
    index: int = 1
    total: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A word about the saga itself, outside the steps' events. `fleet.fulfilment.overdue.v1` and its like."""

    type: str
    step: str = ""
    force: bool = False
    history: Mapping[str, Any] = field(default_factory=dict)


OVERDUE = "fleet.fulfilment.overdue.v1"
UNDONE = "fleet.saga.undone.v1"
SKIPPED = "fleet.saga.skipped.v1"
RETRY = "fleet.saga.retry.v1"
STUCK = "fleet.saga.stuck.v1"
ABORTED = "fleet.saga.aborted.v1"
NOTICES = (OVERDUE, UNDONE, SKIPPED, RETRY, STUCK, ABORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Steps by name. A step has succeeded or is undone when all its parts are seen."""

    inputs: Mapping[str, Any] = field(default_factory=dict)  # own commands by name
    succeeded: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    undone: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, Any] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    cleared: frozenset[str] = frozenset()  # undone by word of a notice: nothing was left to undo
    overdue: bool = False
    forced: bool = False
    aborted: bool = False

    def see(self, seen: Seen) -> History:
        """With one more event. Seeing it twice changes nothing."""
        if seen.role == "refused":
            return replace(self, refused={**self.refused, seen.step: self.refused.get(seen.step, seen.payload)})
        before: Mapping[str, Mapping[int, Any]] = self.succeeded if seen.role == "succeeded" else self.undone
        parts = before.get(seen.step, _NO_PARTS)
        changed = {**before, seen.step: parts if seen.index in parts else {**parts, seen.index: seen.payload}}
        totals = {**self.totals, seen.step: self.totals.get(seen.step, seen.total)}
        if seen.role == "succeeded":
            return replace(self, succeeded=changed, totals=totals)
        return replace(self, undone=changed, totals=totals)

    def note(self, notice: Notice) -> History:
        """With one more notice."""
        match notice.type:
            case "fleet.fulfilment.overdue.v1":
                return replace(self, overdue=True, forced=self.forced or notice.force)
            case "fleet.saga.undone.v1":
                return replace(self, cleared=self.cleared | {notice.step})
            case "fleet.saga.skipped.v1":
                return replace(self, skipped=self.skipped | {notice.step})
            case "fleet.saga.aborted.v1":
                return replace(self, aborted=True)
            case "fleet.saga.retry.v1":
                return self.merge(from_json(notice.history))
            case _:
                return self

    def merge(self, other: History) -> History:
        """What either has seen."""
        return History(
            inputs={**other.inputs, **self.inputs},
            succeeded=_merged(other.succeeded, self.succeeded),
            undone=_merged(other.undone, self.undone),
            totals={**other.totals, **self.totals},
            refused={**other.refused, **self.refused},
            skipped=self.skipped | other.skipped,
            cleared=self.cleared | other.cleared,
            overdue=self.overdue or other.overdue,
            forced=self.forced or other.forced,
            aborted=self.aborted or other.aborted,
        )

    def is_done(self, step: str) -> bool:
        """All parts succeeded, or the step is passed over."""
        return step in self.skipped or self.has_run(step)

    def has_run(self, step: str) -> bool:
        """All parts succeeded."""
        return step in self.succeeded and len(self.succeeded[step]) >= self.totals.get(step, 1)

    def is_undone(self, step: str) -> bool:
        """Nothing of the step is left."""
        return step in self.cleared or (step in self.undone and len(self.undone[step]) >= self.totals.get(step, 1))

    def data(self, flow: Flow) -> dict[str, Any]:
        """Messages by name, as bindings read them."""
        known: dict[str, Any] = dict(self.inputs)
        for step in flow.steps:
            if self.has_run(step.name):
                known[step.succeeds_with] = _payload(self.succeeded[step.name], bool(step.for_each))
            elif step.name in self.skipped and step.for_each:
                known[step.succeeds_with] = []
            if step.name in self.undone and self.is_undone(step.name):
                known[step.undone_with] = _payload(self.undone[step.name], bool(step.for_each))
            if step.name in self.refused:
                known[step.refuses_with] = self.refused[step.name]
        known[REJECTION] = self._rejection(flow)
        return known

    def _rejection(self, flow: Flow) -> str:
        refused = next((step.refuses_with for step in flow.steps if step.name in self.refused), "")
        return refused or ("timeout" if self.overdue else "")

    def to_json(self) -> dict[str, Any]:
        """As JSON-able data, without what is empty."""
        known = {
            "inputs": dict(self.inputs),
            "succeeded": {step: {str(i): p for i, p in parts.items()} for step, parts in self.succeeded.items()},
            "undone": {step: {str(i): p for i, p in parts.items()} for step, parts in self.undone.items()},
            "totals": dict(self.totals),
            "refused": dict(self.refused),
            "skipped": sorted(self.skipped),
            "cleared": sorted(self.cleared),
            "overdue": self.overdue,
            "forced": self.forced,
            "aborted": self.aborted,
        }
        return {name: value for name, value in known.items() if value}


def from_json(data: Mapping[str, Any]) -> History:
    """The history that `History.to_json` wrote."""
    return History(
        inputs=data.get("inputs", {}),
        succeeded={step: {int(i): p for i, p in parts.items()} for step, parts in data.get("succeeded", {}).items()},
        undone={step: {int(i): p for i, p in parts.items()} for step, parts in data.get("undone", {}).items()},
        totals=data.get("totals", {}),
        refused=data.get("refused", {}),
        skipped=frozenset(data.get("skipped", ())),
        cleared=frozenset(data.get("cleared", ())),
        overdue=bool(data.get("overdue")),
        forced=bool(data.get("forced")),
        aborted=bool(data.get("aborted")),
    )


def _merged(
    one: Mapping[str, Mapping[int, Any]], other: Mapping[str, Mapping[int, Any]]
) -> dict[str, Mapping[int, Any]]:
    return {step: {**one.get(step, {}), **other.get(step, {})} for step in {**one, **other}}


def _payload(parts: Mapping[int, Any], fans_out: bool) -> Any:
    ordered = [parts[index] for index in sorted(parts)]
    return ordered if fans_out else ordered[0]
