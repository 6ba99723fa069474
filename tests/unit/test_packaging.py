"""What is declared for those who install fleetgen and what is pinned for its checkout are the same."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_pinned_packages_are_resolved_from_the_declared_ranges() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["run"]]
    lines = (ROOT / "requirements" / "runtime.in").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == declared
