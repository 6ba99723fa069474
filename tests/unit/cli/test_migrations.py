"""The past of a database on the command line: kept, checked, contracted on request."""

from __future__ import annotations

from pathlib import Path

import shop
from command_line import edit_spec, run

FOLDER = "services/shipping/src/starter_shipping/gen/migrations"
FIRST = f"{FOLDER}/0001_create_shipments.sql"
RENAMED = ("address: string}\n        states: [created", "street: {type: string, renamed-from: address}}\n"
           "        states: [created")  # fmt: skip


def test_expand_then_contract(fleet: Path) -> None:
    edit_spec(fleet, *RENAMED)
    edit_spec(fleet, "      - CreateShipment\n", "      - {do: CreateShipment, with: {street: Order.address}}\n")
    said = run("apply")
    assert said.code == 0, said.err
    assert "MIG-13" in said.err
    assert "fleetgen apply --contract shipping" in said.err
    assert run("plan").code == 0
    said = run("plan", "--contract", "shipping")
    assert said.code == 1
    assert f"+ {FOLDER}/0004_contract_shipments.sql" in said.out
    assert run("apply", "--contract", "shipping").code == 0
    assert "MIG-13" not in run("plan").err
    assert run("apply", "--contract", "shipping").code == 2


def test_a_file_that_ran_may_neither_change_nor_go(fleet: Path) -> None:
    text = (fleet / FIRST).read_text()
    for change in (lambda: (fleet / FIRST).write_text(text + "\n"), (fleet / FIRST).unlink):
        change()
        before = shop.tree(fleet)
        for command in (("apply",), ("plan", "--check"), ("apply", "--overwrite", FIRST), ("update",)):
            said = run(*command)
            assert said.code == 2
            assert "OUT-18" in said.err
        assert shop.tree(fleet) == before
    (fleet / FIRST).write_text(text)
    assert run("plan").code == 0
