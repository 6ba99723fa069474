"""What came out of a run, by scenario."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

_SCENARIO = re.compile(r"test_(c\d\d)_")


@dataclass
class Results:
    """Seconds and outcome of each scenario, the mutants that were caught, and how often each point was passed."""

    subject: str
    seconds: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    mutants: list[tuple[str, str, str]] = field(default_factory=list)  # name, scenario, what it said
    passages: Counter[str] = field(default_factory=Counter)

    def note(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Take in one phase of one test."""
        found = _SCENARIO.search(item.nodeid)
        if found is None:
            return
        scenario = found[1].upper()
        self.seconds[scenario] = self.seconds.get(scenario, 0.0) + report.duration
        if report.when == "call":
            self.counts[scenario] += 1
        if report.failed:
            self.outcomes[scenario] = "failed"
        elif hasattr(report, "wasxfail") and self.outcomes.get(scenario) != "failed":
            self.outcomes[scenario] = "passed, with a known gap"
        elif report.when == "call":
            self.outcomes.setdefault(scenario, "passed")

    def text(self) -> str:
        """A table for people."""
        lines = [
            f"{scenario}  {outcome}  {self.counts[scenario]:3d} tests  {self.seconds[scenario]:7.1f} s"
            for scenario, outcome in sorted(self.outcomes.items())
        ]
        lines += [f"mutant {name}: caught by {scenario}: {said}" for name, scenario, said in self.mutants]
        lines += [f"passed {label} {count} times" for label, count in sorted(self.passages.items())]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """For the documentation."""
        return {
            "subject": self.subject,
            "scenarios": {
                scenario: {"outcome": outcome, "tests": self.counts[scenario], "seconds": round(self.seconds[scenario])}
                for scenario, outcome in self.outcomes.items()
            },
            "mutants": [list(mutant) for mutant in self.mutants],
            "passages": dict(self.passages),
        }


RESULTS = pytest.StashKey[Results]()
