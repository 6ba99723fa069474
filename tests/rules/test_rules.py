"""Every rule fires on its smallest bad case with exactly the expected words, and is silent on its smallest good one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetgen.analysis.engine import catalogue, lint
from fleetgen.analysis.explain import HEADINGS, documentation, explain
from fleetgen.core.diagnostic import Diagnostic, ordered
from fleetgen.report.diagnostics import text
from fleetgen.spec.load import load
from fleetgen.spec.resolve import resolve

HERE = Path(__file__).parent
RULES = [rule.id for rule in catalogue()]


def run(folder: str, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[Diagnostic, ...], str]:
    """All diagnostics of a specification, and their text."""
    monkeypatch.chdir(HERE / folder)  # spans and messages name the file alone
    document, found = load(Path(name))
    assert document is not None, text(found, {})
    fleet, more = resolve(document)
    assert fleet is not None, text((*found, *more), document.texts)
    everything = ordered((*found, *more, *lint(fleet, stacks={"python"})))
    return everything, text(everything, document.texts)


@pytest.mark.parametrize("rule", RULES)
def test_bad_case(rule, monkeypatch, matches_file):
    found, shown = run(rule, "bad.yaml", monkeypatch)
    assert rule in {diagnostic.code for diagnostic in found}, shown
    matches_file(shown, HERE / rule / "expected.txt")


@pytest.mark.parametrize("rule", RULES)
def test_good_case(rule, monkeypatch):
    found, shown = run(rule, "good.yaml", monkeypatch)
    assert not found, shown


def test_every_folder_belongs_to_a_rule():
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_documentation(rule):
    page = explain(rule.lower())
    assert page is not None
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == list(HEADINGS)
    assert "```yaml" in documentation()[rule].example
    assert "```yaml" in documentation()[rule].instead


def test_an_unknown_rule_has_no_explanation():
    assert explain("SAGA-99") is None
