"""`fleetgen plan --check`: a gate for a pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import shop
from command_line import edit_spec, run

PORTS = "services/order/src/starter_order/gen/ports.py"
MORE = ("DispatchShipment: {emits: ShipmentDispatched, from: created}", "DispatchShipment: ShipmentDispatched")


def test_in_step(fleet: Path) -> None:
    said = run("plan", "--check")
    assert (said.code, said.out) == (0, "")
    assert "in step" in said.err


def test_out_of_step_each_path_is_named_and_nothing_written(fleet: Path) -> None:
    edit_spec(fleet, *MORE)
    before = shop.tree(fleet)
    said = run("plan", "--check", "--format", "github")
    assert said.code == 1
    lines = said.out.splitlines()
    assert any(
        line.startswith("::error ") and "services/shipping/src/starter_shipping/gen/facts.json" in line
        for line in lines
    )
    assert all("OUT-21" in line for line in lines)
    assert shop.tree(fleet) == before


def test_an_edit_of_a_generated_file_is_drift_beside_all_the_rest(fleet: Path) -> None:
    (fleet / PORTS).write_text("# mine\n")
    edit_spec(fleet, *MORE)
    said = run("plan", "--check", "--format", "json")
    assert said.code == 1
    codes = {item["code"] for item in json.loads(said.out)["diagnostics"]}
    assert codes == {"OUT-1", "OUT-21"}


def test_a_missing_file_is_drift(fleet: Path) -> None:
    (fleet / PORTS).unlink()
    said = run("plan", "--check")
    assert said.code == 1
    assert f"`{PORTS}` is missing" in said.err


def test_a_specification_with_errors_is_a_failure(fleet: Path) -> None:
    edit_spec(fleet, "fleet: starter", "fleet: Starter!")
    assert run("plan", "--check").code == 2
