"""What a checked specification turns into, as far as no single stage decides it."""

from __future__ import annotations

from pathlib import Path

from fleetgen.pipeline import check, desired
from fleetgen.render.templates import installed

SPECIFICATION = """\
fleet: shop
teams: {people: 5}
contexts:
  order:
    purpose: Orders
    team: people
    aggregates:
      Order: {fields: {total: money}, commands: {PlaceOrder: OrderPlaced}}
    subscribes: [ScoreMade]
  scoring:
    purpose: Exists already
    team: people
    managed: false
    aggregates:
      Score: {fields: {orderId: uuid}, commands: {MakeScore: ScoreMade}}
"""


def test_of_a_context_that_exists_elsewhere_only_its_contracts_are_written(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(SPECIFICATION)
    checked = check(file)
    assert not checked.failed, checked.diagnostics
    wanted = desired(checked, installed())
    assert {project.path for project in wanted.projects} == {".", "libs/chassis-python", "services/order"}
    assert {path for path in wanted.extra if "scoring" in path} == {
        "contracts/asyncapi/scoring.yaml",
        "contracts/commands/scoring.MakeScore.v1.avsc",
        "contracts/events/scoring.ScoreMade.v1.avsc",
        "contracts/openapi/scoring.yaml",
    }
