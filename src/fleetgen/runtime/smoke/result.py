"""What `smoke` found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from fleetgen.runtime.smoke.trace import SpanTree, tree_lines


@dataclass(frozen=True)
class Check:
    """One thing that must hold, said as it should be; `found` is what was seen when it does not hold."""

    text: str
    passed: bool
    found: str = ""


@dataclass(frozen=True)
class SmokeRun:
    """One transaction. `ends` is the state it should end in, `ended` the one it ended in."""

    title: str
    ends: str
    ended: str
    seconds: float
    correlation: str
    checks: tuple[Check, ...]
    trace: SpanTree | None

    @property
    def passed(self) -> bool:
        """Whether all checks hold."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {**asdict(self), "passed": self.passed}

    def text(self) -> str:
        """The verdict, what failed, and the transaction as one tree of spans."""
        lines = [f"{'passed' if self.passed else 'FAILED'}  {self.title}: {self.ended} in {self.seconds:.2f} s"]
        for check in self.checks:
            lines.append(
                f"  {'ok ' if check.passed else 'NO '} {check.text}{f': {check.found}' if check.found else ''}"
            )
        if self.trace is not None:
            lines += [f"  {line}" for line in tree_lines(self.trace)]
        return "\n".join(lines)


@dataclass(frozen=True)
class SmokeResult:
    """All transactions."""

    runs: tuple[SmokeRun, ...]

    @property
    def passed(self) -> bool:
        """Whether all ended as they should; nothing to run is not a success."""
        return bool(self.runs) and all(run.passed for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        return {"passed": self.passed, "runs": [run.to_json() for run in self.runs]}

    def text(self) -> str:
        """For a person."""
        good = sum(run.passed for run in self.runs)
        return "\n\n".join(
            [*(run.text() for run in self.runs), f"{good} of {len(self.runs)} transactions as described"]
        )
