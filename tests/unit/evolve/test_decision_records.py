"""Waivers become decision records, which belong to the user: written once, merged with later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import shop
from fleetgen.evolve.apply import apply
from fleetgen.evolve.create import create
from fleetgen.evolve.plan import plan
from fleetgen.facts.schema import DecisionFact
from fleetgen.pipeline import check, desired
from fleetgen.render.engine import render
from fleetgen.render.files import File
from fleetgen.render.templates import installed

SPECIFICATION = """\
fleet: shop
teams:
  people: {developers: 4, waive: {TEAM-3: TEAM_REASON}}
  others: 5
FLEET
contexts:
  order:
    purpose: Orders
    team: people
    CONTEXT
    aggregates:
      Order:
        fields: {total: money}
        commands:
          PlaceOrder: {emits: OrderPlacement, waive: {EVT-3: the word of the trade}}
          DropOrder: OrderDrop
"""
TEAM = "docs/adr/waive-team-3--team-people.md"
COMMAND = "docs/adr/waive-evt-3--context-order--aggregate-order--command-place-order.md"


def written(folder: Path, *, team: str = "two more are hired", fleet: str = "", context: str = "") -> Path:
    """The specification as a file in `folder`."""
    text = SPECIFICATION.replace("TEAM_REASON", team).replace("FLEET", fleet).replace("CONTEXT", context)
    (folder / "fleet.yaml").write_text(text)
    return folder / "fleet.yaml"


def decisions(file: Path) -> dict[str, DecisionFact]:
    """The facts of records, by their place in the monorepo."""
    checked = check(file)
    assert checked.fleet is not None, checked.diagnostics
    (root,) = (project for project in desired(checked, installed()).projects if project.path == ".")
    facts = (DecisionFact.model_validate(each) for each in root.answers["fleet"]["decisions"])
    return {f"docs/adr/{fact.file}.md": fact for fact in facts}


def test_a_record_for_each_waiver_with_what_it_accepts(tmp_path):
    found = decisions(written(tmp_path))
    assert list(found) == [COMMAND, TEAM]
    assert found[COMMAND].element == "command `PlaceOrder`"
    assert found[COMMAND].findings == ("event `OrderPlacement` does not say what happened",)
    assert found[TEAM].findings == ("team `people` has 4 developers: less than 5",)
    assert found[TEAM].reasons == ("two more are hired",)
    assert found[TEAM].severity == "warning"


def test_another_waiver_moves_no_name(tmp_path):
    before = decisions(written(tmp_path))
    after = decisions(written(tmp_path, fleet="waive: {EVT-3: everywhere}"))
    assert set(after) == {*before, "docs/adr/waive-evt-3--fleet.md"}
    assert after[COMMAND] == before[COMMAND]
    assert after["docs/adr/waive-evt-3--fleet.md"].findings == (
        "event `OrderPlacement` does not say what happened",
        "event `OrderDrop` does not say what happened",
    )


def test_a_waiver_of_nothing_has_no_record_and_a_finding(tmp_path):
    file = written(tmp_path, context="waive: {CPL-2: no ring is here}")
    assert list(decisions(file)) == [COMMAND, TEAM]
    assert "LINT-1" in {item.code for item in check(file).diagnostics}


def test_names_of_deep_elements_stay_short_and_apart(tmp_path):
    text = SPECIFICATION.replace("order:", f"{'x' * 30}:").replace("Order:", f"Y{'y' * 40}:", 1)
    for command in ("PlaceOrder", "DropOrder"):
        text = text.replace(f"{command}:", f"{command}{'z' * 30}:")
    (tmp_path / "fleet.yaml").write_text(text.replace("TEAM_REASON", "r").replace("FLEET", "").replace("CONTEXT", ""))
    names = [Path(path).name for path in decisions(tmp_path / "fleet.yaml")]
    assert len(names) == len(set(names)) == 2
    assert max(map(len, names)) < 150


HOSTILE = [
    "line one\n\n# a heading\n\n- [ ] a list",
    "```\n<script>alert(1)</script>",
    "[link](javascript:alert(1)) ![image](http://x/y.png) | cell",
    "{{ fleet.fleet }} {% raw %} {# gone #}",
    "1. one\n2. two",
    "\u202eturned\x1b[31m",
]


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_reason_is_text_and_nothing_else(tmp_path, reason):
    fact = decisions(written(tmp_path))[TEAM]
    hostile = fact.model_copy(update={"reasons": (reason,), "findings": (f"found {reason}",)})
    answers = {"fleet": _whole(tmp_path) | {"decisions": [hostile.model_dump(mode="json")]}}
    page = render(installed(), "blueprints/monorepo", answers)[TEAM].content.decode()
    plain = render(installed(), "blueprints/monorepo", {"fleet": _whole(tmp_path)})[TEAM].content.decode()
    assert len(page.splitlines()) == len(plain.splitlines())
    (quote,) = (line for line in page.splitlines() if line.startswith(">"))
    assert not re.search(r"(?<!\\)[`<>\[\]|{}#!]", quote[1:])
    assert not re.match(r"> [0-9]+[.)]", quote)
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", page)


def _whole(folder: Path) -> dict[str, object]:
    checked = check(folder / "fleet.yaml")
    (root,) = (project for project in desired(checked, installed()).projects if project.path == ".")
    return dict(root.answers["fleet"])


def test_a_record_is_merged_with_and_goes_with_its_waiver(tmp_path):
    file = written(tmp_path)
    root = tmp_path / "fleet"
    files = {"fleet.yaml": File(file.read_bytes())}
    assert create(root, desired(check(file), installed()), files) == ()
    record = root / TEAM
    assert "> two more are hired" in record.read_text()
    record.write_text(record.read_text() + "\n## More\n\nDecided on the third of May.\n")
    shop.commit(root)

    written(root, team="three more are hired")
    found, diagnostics = plan(root, desired(check(root), installed()))
    assert found is not None, diagnostics
    assert apply(found) == ()
    assert "> three more are hired" in record.read_text()
    assert "Decided on the third of May." in record.read_text()
    assert (root / COMMAND).is_file()

    shop.commit(root)
    (root / "fleet.yaml").write_text(
        (root / "fleet.yaml").read_text().replace(", waive: {EVT-3: the word of the trade}", "")
    )
    found, diagnostics = plan(root, desired(check(root), installed()))
    assert found is not None, diagnostics
    assert apply(found) == ()
    assert not (root / COMMAND).exists()
    assert record.is_file()
