"""Templates ask and never decide: held here, so that no template grows into a program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleetgen.core.resources import resources

FOLDER = resources() / "service-templates"
TEMPLATES = sorted(path for path in FOLDER.rglob("*.jinja") if path.is_file())
MOST_LINES = 120
MOST_DECISIONS = 0.01  # share of lines that open an `if`


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_a_template_is_short(template: Path) -> None:
    assert len(template.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_a_template_sets_tables_and_aliases_only(template: Path) -> None:
    for block in re.findall(r"\{%-? set ([^=%]+)(=|%\})", template.read_text()):
        assert block[1] == "=", f"{block[0]}: text is captured by a macro, not by `set`"


@pytest.mark.parametrize(
    "stack", sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "macros")
)
def test_a_stack_decides_little(stack: str) -> None:
    texts = [path.read_text() for path in TEMPLATES if stack in path.relative_to(FOLDER).parts]
    lines = sum(len(text.splitlines()) for text in texts)
    decisions = sum(len(re.findall(r"\{%-? if ", text)) for text in texts)
    assert decisions <= lines * MOST_DECISIONS, f"{decisions} in {lines} lines"


def test_no_template_chooses_files_by_itself() -> None:
    for path in TEMPLATES:
        assert "{% if" not in path.name, f"{path.name}: the table of copier.yml chooses files"
