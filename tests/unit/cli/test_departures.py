"""What leaves the fleet: a plan says what stays behind, and nothing that a person wrote is lost."""

from __future__ import annotations

import json
import re
from pathlib import Path

import shop
from command_line import edit_spec, run

SHIPMENT = "services/shipping/src/starter_shipping/domain/shipment.py"
OWN = "services/shipping/notes.txt"
MIGRATIONS = "services/shipping/src/starter_shipping/gen/migrations"


def without_shipping(fleet: Path) -> None:
    text = (fleet / "fleet.yaml").read_text()
    text = re.sub(r"  shipping:\n.*?(?=^sagas:)", "", text, flags=re.S | re.M)
    (fleet / "fleet.yaml").write_text(text.replace("      - CreateShipment\n", ""))


def by_hand(fleet: Path) -> dict[str, bytes]:
    (fleet / SHIPMENT).write_text("# mine\n" + (fleet / SHIPMENT).read_text())
    (fleet / OWN).write_text("mine\n")
    shop.commit(fleet)
    return {path: (fleet / path).read_bytes() for path in (SHIPMENT, OWN)}


def test_a_service_leaves(fleet: Path) -> None:
    mine = by_hand(fleet)
    without_shipping(fleet)
    said = run("plan")
    assert said.code == 1, said.err
    assert "The service `shipping` leaves" in said.out
    assert "topic starter.shipping.shipment.events" in said.out
    assert "database starter_shipping with shipments" in said.out
    for path in mine:
        assert f"{path}: yours, stays" in said.out
    (leaving,) = json.loads(run("plan", "--json").out)["departures"]
    assert set(leaving["files"]) == set(mine)
    assert run("apply").code == 0
    assert {path: (fleet / path).read_bytes() for path in mine} == mine
    assert (fleet / MIGRATIONS / "0001_create_shipments.sql").is_file()
    assert not (fleet / "services/shipping/pyproject.toml").exists()
    assert run("plan").code == 0


def test_a_topic_that_is_still_read_says_by_whom(fleet: Path) -> None:
    edit_spec(fleet, "      Payment:\n        fields: {orderId", "      Refund:\n        fields: {note: string}\n"
              "        commands: {MakeRefund: RefundMade}\n      Payment:\n        fields: {orderId")  # fmt: skip
    assert run("apply").code == 0
    edit_spec(fleet, "      Refund:\n        fields: {note: string}\n        commands: {MakeRefund: RefundMade}\n", "")
    said = run("plan")
    assert "The aggregate `Refund` leaves" in said.out
    assert "topic starter.payment.refund.events: delete it when nobody reads it any more" in said.out
    assert "`dropped: [Refund]` in `payment`" in said.out
    assert "MIG-9" in said.err
    (leaving,) = json.loads(run("plan", "--json").out)["departures"]
    assert leaving["kind"] == "aggregate"
    assert leaving["tables"] == ["refunds"]


def test_a_service_goes_elsewhere_and_comes_back(fleet: Path) -> None:
    """Its contracts stay; what a person wrote is there afterwards, and its database goes on where it was."""
    mine = by_hand(fleet)
    edit_spec(fleet, "  shipping:\n", "  shipping:\n    managed: false\n")
    said = run("plan")
    assert "`shipping` goes on elsewhere" in said.out
    assert run("apply").code == 0
    assert {path: (fleet / path).read_bytes() for path in mine} == mine
    assert (fleet / "contracts/openapi/shipping.yaml").is_file()
    assert not (fleet / "services/shipping/src/starter_shipping/gen/facts.json").exists()
    shop.commit(fleet)
    edit_spec(fleet, "    managed: false\n", "")
    fields = "customerId: uuid, address: string{}}}\n        states: [created"
    edit_spec(fleet, fields.format(""), fields.format(", weight: int"))
    edit_spec(fleet, "      - CreateShipment\n", "      - {do: CreateShipment, with: {weight: 1}}\n")
    said = run("apply")
    assert said.code == 3, said.err  # both texts of the edited file are in it
    assert (fleet / OWN).read_bytes() == mine[OWN]
    text = (fleet / SHIPMENT).read_text()
    lines = mine[SHIPMENT].decode().splitlines()
    assert [line for line in text.splitlines() if line in lines][: len(lines)] == lines
    assert "ADD COLUMN" in (fleet / MIGRATIONS / "0002_expand_shipments.sql").read_text()
