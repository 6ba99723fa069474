"""The tables of the chassis are the same in every language: Go builds them in, so the files lie in its module, too."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2] / "service-templates"
_PYTHON = _ROOT / "python/chassis/src/chassis/sql"
_OTHERS = (_ROOT / "go/chassis/migrations/sql",)


@pytest.mark.parametrize("folder", _OTHERS, ids=lambda folder: folder.relative_to(_ROOT).parts[0])
def test_the_files_are_those_of_python(folder: Path) -> None:
    expected = {path.name: path.read_bytes() for path in _PYTHON.glob("*.sql")}
    assert expected, "there are no tables to compare"
    assert {path.name: path.read_bytes() for path in folder.glob("*.sql")} == expected
