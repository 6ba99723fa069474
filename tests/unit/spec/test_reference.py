"""The reference page: its tables say what the code says, its examples are of the grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetgen.spec.check import Checker
from fleetgen.spec.codes import Problems
from fleetgen.spec.load import load_text
from fleetgen.spec.node import Node
from fleetgen.spec.reference import MARKER, tables
from fleetgen.spec.shape import Shape
from fleetgen.spec.source import parse
from fleetgen.spec.table.aggregate import AGGREGATE
from fleetgen.spec.table.context import CONTEXT, SERVICE
from fleetgen.spec.table.fleet import FLEET
from fleetgen.spec.table.saga import SAGA

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "specification.md"
SHAPES: dict[str, Shape] = {
    "aggregate": AGGREGATE,
    "bounded context": CONTEXT,
    "service": SERVICE,
    "fleet": FLEET,
    "saga": SAGA,
    "context map": FLEET.entry("context-map").shape,
}
EXAMPLES = re.findall(r"<!-- checked as: (.+?) -->\n```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_tables_are_current(matches_file: Callable[[str, Path], None]) -> None:
    head, _, _ = PAGE.read_text().partition(MARKER)
    matches_file(head + MARKER + "\n" + tables(), PAGE)


def test_each_example_is_checked() -> None:
    assert len(EXAMPLES) == PAGE.read_text().count("```yaml") >= 6


@pytest.mark.parametrize(("shape", "text"), EXAMPLES, ids=[shape for shape, _ in EXAMPLES])
def test_examples(shape: str, text: str) -> None:
    problems = Problems()
    node: Node | None = parse("whole:\n" + re.sub("^", "  ", text, flags=re.MULTILINE), "page", problems)
    assert node is not None
    node = node.get("whole")  # type: ignore[union-attr]
    assert node is not None
    Checker(problems).check(SHAPES[shape], node)
    assert not problems.found


def test_the_fleet_of_the_page_loads() -> None:
    _, found = load_text(dict(EXAMPLES)["fleet"])
    assert not found
