"""Rules are found by their files, in order; their output does not depend on chance."""

from __future__ import annotations

import re
from pathlib import Path

from fleetgen.analysis import rules
from fleetgen.analysis.engine import catalogue, lint
from fleetgen.core.diagnostic import Severity

FOLDER = Path(rules.__file__).parent


def test_every_file_is_a_rule_and_named_by_it():
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert files == {rule.id.lower().replace("-", "_") for rule in catalogue()}


def test_order_is_by_family_and_number():
    ids = [rule.id for rule in catalogue()]
    assert ids == sorted(ids, key=lambda each: (each.split("-")[0], int(each.split("-")[1])))


def test_names_are_unique_and_kebab_case():
    names = [rule.name for rule in catalogue()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def test_only_errors_of_the_model_cannot_be_waived():
    fixed = {rule.id for rule in catalogue() if not rule.waivable and rule.stage == "fleet"}
    assert fixed == {"SVC-8", "EVT-2", "DAT-2", "STK-1", "STK-3"}
    assert all(rule.severity is Severity.ERROR for rule in catalogue() if rule.id in fixed)


SOURCE = """\
fleet: shop
teams: {sales: 6}
contexts:
  order: {stack: cobol}
  ui: {stack: fortran}
"""


def test_lint_is_sorted_by_place_and_repeats_itself(fleet):
    first, second = (lint(fleet(SOURCE), stacks={"python"}) for _ in range(2))
    assert first == second
    assert [(item.span.line, item.code) for item in first if item.span] == [
        (4, "STK-1"), (4, "TEAM-1"), (5, "STK-1"), (5, "SVC-3"), (5, "TEAM-1"),
    ]  # fmt: skip


def test_without_stacks_nobody_asks_for_them(fleet):
    assert "STK-1" not in {item.code for item in lint(fleet(SOURCE))}
