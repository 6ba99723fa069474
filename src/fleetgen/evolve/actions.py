"""The plan as data: what `apply` will do, exactly, and how it reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from fleetgen.evolve.departure import Departure
from fleetgen.evolve.ownership import Owner
from fleetgen.evolve.settled import Settled
from fleetgen.render.files import File, Stamp


class Kind(StrEnum):
    """What happens to a path."""

    ADD = "add"
    CHANGE = "change"
    MERGE = "merge"
    CONFLICT = "conflict"
    DELETE = "delete"

    @property
    def symbol(self) -> str:
        """One character at the start of a line, understandable without colour."""
        return {"add": "+", "delete": "-", "conflict": "!"}.get(self.value, "~")


@dataclass(frozen=True)
class Action:
    """One path: what is there now (`before`, by digest) and what will be (`after`, nothing for a deletion)."""

    kind: Kind
    path: str
    owner: Owner
    before: Stamp | None
    after: File | None
    line: int = 0  # of the first conflict


@dataclass(frozen=True)
class Plan:
    """Everything `apply` will do, in the order of paths.

    `bookkeeping` is written along with the actions and never alone: the lock. `yours` are scaffolds that a change of
    the specification added, for a person to fill. `stages` are lines for
    `git update-index`: how copier marks a conflict. `settled` is there when nothing had to be said about the plan:
    once it is carried out, nothing is left to do.
    """

    root: Path
    actions: tuple[Action, ...] = ()
    bookkeeping: tuple[Action, ...] = ()
    yours: tuple[str, ...] = ()
    departures: tuple[Departure, ...] = ()
    stages: bytes = b""
    settled: Settled | None = field(default=None, compare=False)
    counts: Counter[Kind] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count once."""
        object.__setattr__(self, "counts", Counter(action.kind for action in self.actions))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.actions

    @property
    def settles(self) -> bool:
        """Whether the next plan is nothing and has nothing to say: no conflicts, no history to speak of."""
        grown = any("/gen/migrations/" in action.path for action in self.actions)
        return not (grown or self.conflicts or self.departures or self.yours)

    @property
    def conflicts(self) -> tuple[Action, ...]:
        """The files that will hold conflict markers."""
        return tuple(action for action in self.actions if action.kind is Kind.CONFLICT)

    @property
    def summary(self) -> str:
        """One line."""
        if self.empty:
            return "Plan: nothing to do"
        words = [
            f"{self.counts[Kind.ADD]} to add",
            f"{self.counts[Kind.CHANGE]} to change",
            f"{self.counts[Kind.DELETE]} to delete",
            f"{self.counts[Kind.MERGE]} to merge",
        ]
        if conflicts := self.counts[Kind.CONFLICT]:
            words.append(f"{conflicts} in conflict")
        return "Plan: " + ", ".join(words)

    def text(self) -> str:
        """For a person."""
        notes = {Kind.MERGE: "  (merged with your edit)", Kind.CONFLICT: "  (conflicts with your edit)"}
        lines = [f"  {action.kind.symbol} {action.path}{notes.get(action.kind, '')}" for action in self.actions]
        if self.yours:
            lines += ["", "Yours to write:", *(f"  {path}" for path in self.yours)]
        for departure in self.departures:
            lines += ["", *departure.lines()]
        return "\n".join([*lines, "", self.summary] if lines else [self.summary]) + "\n"

    def data(self) -> dict[str, Any]:
        """For a script: plain JSON-able data."""
        return {
            "actions": [
                {"action": action.kind.value, "path": action.path, "owner": action.owner.value}
                for action in self.actions
            ],
            "yours": list(self.yours),
            "departures": [departure.data() for departure in self.departures],
            "counts": {kind.value: self.counts[kind] for kind in Kind},
        }
