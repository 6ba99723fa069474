"""The reference page of rules says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fleetgen.analysis.engine import catalogue
from fleetgen.analysis.explain import documentation, rules_page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rules.md"


def test_the_page_is_current(matches_file):
    matches_file(rules_page(), PAGE)


def test_the_page_has_each_rule_once_and_links_to_it():
    headings = re.findall(r"^### (.+)$", rules_page(), re.MULTILINE)
    assert headings == [f"{rule.id} {rule.name}" for rule in catalogue()]
    anchors = re.findall(r"\]\(#(.+?)\)", rules_page())
    assert anchors == [heading.lower().replace(" ", "-") for heading in headings]


def test_comments_in_examples_are_no_headings():
    assert "# nothing: remove the entry" in rules_page().splitlines()


@pytest.mark.parametrize("rule", [rule.id for rule in catalogue()])
def test_examples_are_yaml(rule):
    page = documentation()[rule]
    for block in (page.example, page.instead):
        (source,) = re.findall(r"```yaml\n(.*?)```", block, re.DOTALL)
        YAML(typ="safe", pure=True).load(source)
