"""`fleetgen add`: the specification grows by what was asked for, the rest of it stays byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

import shop
from command_line import Killed, dies_at, run
from fleetgen.spec.insert import Unplaceable, insert

ADDED = [
    (
        "service billing --team sales --purpose Invoices",
        "\nsagas:",
        "  billing: {purpose: Invoices, team: sales}\n\nsagas:",
    ),
    (
        "aggregate Invoice --service payment --field total:money --field note:string? --field lines:string[] "
        "--command IssueInvoice:InvoiceIssued --query GetInvoice --state issued",
        "        queries: [GetPayment]\n",
        "        queries: [GetPayment]\n"
        "      Invoice:\n"
        "        fields:\n"
        "          total: money\n"
        "          note: {optional: string}\n"
        "          lines: {list: string}\n"
        "        states: [issued]\n"
        "        commands: {IssueInvoice: InvoiceIssued}\n"
        "        queries: [GetInvoice]\n",
    ),
    (
        "field weight:int? --aggregate Shipment",
        "customerId: uuid, address: string}\n        states: [created",
        "customerId: uuid, address: string, weight: {optional: int}}\n        states: [created",
    ),
    (
        "command DelayShipment --aggregate Shipment --emits ShipmentDelayed --from created --takes reason:string",
        "{emits: ShipmentDispatched, from: created}\n",
        "{emits: ShipmentDispatched, from: created}\n"
        "          DelayShipment:\n            emits: ShipmentDelayed\n            from: [created]\n"
        "            takes: {reason: string}\n",
    ),
    (
        "command LoseShipment --aggregate Shipment --emits ShipmentLost",
        "{emits: ShipmentDispatched, from: created}\n",
        "{emits: ShipmentDispatched, from: created}\n          LoseShipment: ShipmentLost\n",
    ),
    (
        "event DispatchRefused --command DispatchShipment --when address='nowhere'",
        "{emits: ShipmentDispatched, from: created}",
        "{emits: ShipmentDispatched, from: created, or: {DispatchRefused: address='nowhere'}}",
    ),
    ("query FindShipments --aggregate Shipment", "queries: [GetShipment]", "queries: [GetShipment, FindShipments]"),
    (
        "policy OrderCancelled DispatchShipment --service shipping",
        "# finds the shipment by `orderId`, which both of them have\n",
        "# finds the shipment by `orderId`, which both of them have\n      OrderCancelled: DispatchShipment\n",
    ),
    (
        "saga dispatch DispatchShipment --timeout 1m --mode orchestration",
        "      - ConfirmOrder\n",
        "      - ConfirmOrder\n  dispatch:\n    mode: orchestration\n    timeout: 1m\n    steps: [DispatchShipment]\n",
    ),
]


@pytest.mark.parametrize(("arguments", "old", "new"), ADDED, ids=[each[0].split(" --")[0] for each in ADDED])
def test_it_grows_by_what_was_asked_for(fleet: Path, arguments: str, old: str, new: str) -> None:
    before = (fleet / "fleet.yaml").read_text()
    assert before.count(old) == 1
    files = shop.tree(fleet)
    said = run("add", *arguments.split())
    assert said.code == 0, said.err
    assert (fleet / "fleet.yaml").read_text() == before.replace(old, new)
    assert said.out.startswith("--- fleet.yaml\n+++ fleet.yaml\n")
    assert "Plan: " in said.out
    after = shop.tree(fleet)
    assert {path for path in after if files.get(path) != after[path]} == {"fleet.yaml"}


def test_applied_at_once(fleet: Path) -> None:
    said = run("add", "command", "LoseShipment", "--aggregate", "Shipment", "--emits", "ShipmentLost", "--apply")
    assert said.code == 0, said.err
    assert (fleet / "services/shipping/src/starter_shipping/application/lose_shipment.py").is_file()
    assert run("plan").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["field", "note:string", "--aggregate", "Ordr"], "there is `Order`"),
        (["field", "total:money", "--aggregate", "Order"], "`total` is there already"),
        (["field", "note", "--aggregate", "Order"], "is not a field"),
        (["field", "note:strin", "--aggregate", "Order"], "SPEC-23"),
        (["field", "x:y: {z", "--aggregate", "Order"], "SPEC-23"),
        (["service", "shipping"], "`shipping` is there already"),
        (["service", "a'; DROP TABLE x"], "SPEC-18"),
        (["service", "x: {y: z}"], "SPEC-18"),
        (["aggregate", "Box", "--service", "shippin"], "there is `shipping`"),
        (["command", "{{ 7*7 }}", "--aggregate", "Order", "--emits", "X"], "SPEC-18"),
        (["command", "PlaceOrder", "--aggregate", "Order", "--emits", "OrderPlaced"], "there already"),
        (["event", "Refused", "--command", "Nothing"], "there is no command"),
        (["policy", "OrderLost", "DispatchShipment", "--service", "shipping"], "SPEC-22"),
        (["saga", "again", "Nothing / nothing / nothing"], "SPEC-26"),
        (["service", "more", "--context", "order"], "does not list `services`"),
    ],
)
def test_what_would_be_wrong_is_refused_and_nothing_written(fleet: Path, arguments: list[str], says: str) -> None:
    before = shop.tree(fleet)
    said = run("add", *arguments)
    assert said.code == 2
    assert says in said.err
    assert shop.tree(fleet) == before


def test_a_context_of_its_own_file_and_one_that_grows_there(fleet: Path) -> None:
    said = run("add", "service", "billing", "--team", "sales", "--purpose", "a: b # c", "--own-file")
    assert said.code == 0, said.err
    assert (fleet / "contexts/billing.yaml").read_text() == 'purpose: "a: b # c"\nteam: sales\n'
    main = (fleet / "fleet.yaml").read_bytes()
    said = run("add", "aggregate", "Bill", "--service", "billing", "--field", "total:money", "--command", "Bill:Billed")
    assert said.code == 2  # a command of the aggregate's name
    said = run("add", "aggregate", "Bill", "--service", "billing", "--field", "total:money",
               "--command", "WriteBill:BillWritten")  # fmt: skip
    assert said.code == 0, said.err
    assert (
        (fleet / "contexts/billing.yaml")
        .read_text()
        .endswith("aggregates:\n  Bill:\n    fields: {total: money}\n    commands: {WriteBill: BillWritten}\n")
    )
    assert (fleet / "fleet.yaml").read_bytes() == main


def test_killed_at_any_step_all_of_it_is_there_or_nothing(fleet: Path) -> None:
    """The specification and what follows from it are one write."""
    before = (fleet / "fleet.yaml").read_bytes()
    handler = fleet / "services/shipping/src/starter_shipping/application/lose_shipment.py"
    for number in (1, 9, 30, 45):
        with pytest.MonkeyPatch.context() as patch:
            dies_at(patch, number)
            with pytest.raises(Killed):
                run("add", "command", "LoseShipment", "--aggregate", "Shipment", "--emits", "ShipmentLost", "--apply")
        assert run("plan").code == 0
        assert ((fleet / "fleet.yaml").read_bytes() != before) == handler.exists()
        if handler.exists():
            return
    pytest.fail("it was never committed")


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("a:\n  b: 1  # why\n# end\n", ("a",), "a:\n  b: 1  # why\n  new: 1\n# end\n"),
        ("a: {b: 1}\n", ("a",), "a: {b: 1, new: 1}\n"),
        ("a: {}\n", ("a",), "a: {new: 1}\n"),
        ("a:\nz: 1\n", ("a",), "a:\n  new: 1\nz: 1\n"),
        ("a:   # why\nz: 1\n", ("a",), "a:   # why\n  new: 1\nz: 1\n"),
        ("a: null\n", ("a",), "a: {new: 1}\n"),
        ("z: 1\n", ("a", "b"), "z: 1\na:\n  b: {new: 1}\n"),
        ("a:\n    b: |\n      text\n\n    c: >-\n      more\n\nz: 1\n", ("a",),
         "a:\n    b: |\n      text\n\n    c: >-\n      more\n    new: 1\n\nz: 1\n"),
        ("a:\r\n  b: 1\r\nz: 1\r\n", ("a",), "a:\r\n  b: 1\r\n  new: 1\r\nz: 1\r\n"),
        ("a: {b: }\n", ("a", "b"), "a: {b: {new: 1} }\n"),
        ("a:\n  - x: 1\n", (), "a:\n  - x: 1\nnew: 1\n"),
        ("a:\n  b: 1", ("a",), "a:\n  b: 1\n  new: 1"),
    ],
)  # fmt: skip
def test_forms(text: str, path: tuple[str, ...], expected: str) -> None:
    assert insert(text, path, "new", 1) == expected


@pytest.mark.parametrize("text", ["a: word\n", "a: [x]\n", "a: {new: 2}\n", "a: ''\n"])
def test_what_an_edit_cannot_follow_is_said(text: str) -> None:
    with pytest.raises(Unplaceable):
        insert(text, ("a",), "new", 1)
