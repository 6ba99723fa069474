"""Whole rendered trees against what was accepted: a stale, missing or extra file fails. Accept with `make golden`.

The chassis and the bundle are left out: the first is plain source with tests of its own, the second is binary and has
tests of its bytes.
"""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path

import pytest

from fleetgen.evolve.create import create
from fleetgen.pipeline import check, desired
from fleetgen.render.templates import installed

HERE = Path(__file__).parent
CASES = sorted(path.name for path in HERE.iterdir() if (path / "fleet.yaml").is_file())
LEFT_OUT = ("libs/", ".fleetgen/", ".git/", "fleet.lock", "fleet.schema.json")


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    named = ((path.relative_to(folder).as_posix(), path) for path in files)
    return {name: path.read_text() for name, path in named if not name.startswith(LEFT_OUT)}


@pytest.mark.parametrize("case", CASES)
def test_rendered_tree_is_the_accepted_one(case: str, tmp_path: Path, update_golden: bool) -> None:
    checked = check(HERE / case)
    assert not checked.failed, checked.diagnostics
    fleet = tmp_path / "fleet"
    assert create(fleet, desired(checked, installed())) == ()
    actual, accepted = tree(fleet), HERE / case / "expected"
    if update_golden:
        shutil.rmtree(accepted, ignore_errors=True)
        for name, text in actual.items():
            (accepted / name).parent.mkdir(parents=True, exist_ok=True)
            (accepted / name).write_text(text)
    expected = tree(accepted)
    assert sorted(actual) == sorted(expected)
    for name, text in actual.items():
        difference = difflib.unified_diff(expected[name].splitlines(), text.splitlines(), "accepted", "rendered", n=1)
        assert text == expected[name], f"{name}\n" + "\n".join(difference)


def test_there_are_cases() -> None:
    assert CASES
