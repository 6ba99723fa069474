"""Released versions: what a change to the specification is told, and where."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleetgen.cli.app import app
from fleetgen.core.diagnostic import has_errors
from fleetgen.evolve.create import create
from fleetgen.pipeline import desired, prepare
from fleetgen.render.templates import installed
from formats import written

ORDER_PLACED = "contracts/released/events/order.OrderPlaced.v1"


def run(root: Path, *command: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*command, "--root", str(root)])
    return done.exit_code, done.stdout, done.stderr


def change(root: Path, old: str, new: str) -> int:
    """Edit the specification; the line that changed."""
    path = root / "fleet.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


@pytest.fixture(scope="module", params=["avro", "protobuf"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter fleet whose contracts were released; tests change copies of it."""
    folder = tmp_path_factory.mktemp(request.param)
    prepared = prepare(written("starter", request.param, folder))
    root = folder / "fleet"
    assert not has_errors(create(root, desired(prepared.checked, installed()), prepared.files))
    code, said, _ = run(root, "schemas", "release")
    assert code == 0
    assert f"{ORDER_PLACED}/1." in said
    return root


@pytest.fixture
def fleet(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "fleet", symlinks=True)


def versions(root: Path) -> dict[str, bytes]:
    files = (path for path in (root / "contracts/released").rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_nothing_is_left_to_release_and_plans_leave_versions_alone(fleet: Path) -> None:
    before = versions(fleet)
    assert len(before) == 13
    assert run(fleet, "schemas", "check")[0] == 0
    assert run(fleet, "schemas", "diff") == (0, "", "nothing changed since the newest release\n")
    assert run(fleet, "schemas", "release")[0] == 0
    assert run(fleet, "plan")[0] == 0
    assert run(fleet, "apply")[0] == 0
    assert versions(fleet) == before


def test_a_change_that_fits_is_told_in_words_and_released_as_the_next_version(fleet: Path) -> None:
    before = versions(fleet)
    change(fleet, "address: string}", "address: string, gift: {optional: string}}")
    code, said, _ = run(fleet, "schemas", "diff")
    assert code == 1
    assert "~ events/order.OrderPlaced.v1 adds `gift`: optional string\n" in said
    code, _, told = run(fleet, "schemas", "release")
    assert (code, "CON-3" in told) == (2, True)  # first what is seen, then what is released
    assert run(fleet, "apply")[0] == 0
    code, said, _ = run(fleet, "schemas", "release")
    assert code == 0
    assert f"{ORDER_PLACED}/2." in said
    after = versions(fleet)
    assert {path: after[path] for path in before} == before
    assert run(fleet, "schemas", "check")[0] == 0


@pytest.mark.parametrize("command", [("schemas", "check"), ("plan",), ("apply",), ("schemas", "release")])
def test_a_break_is_refused_at_its_place_and_nothing_is_written(fleet: Path, command: tuple[str, ...]) -> None:
    line = change(fleet, "product: string", "product: int")
    before = {path: path.read_bytes() for path in fleet.rglob("*") if path.is_file()}
    code, _, told = run(fleet, *command)
    assert code == 2
    assert f"fleet.yaml:{line}:" in told
    assert "CON-1" in told
    assert "the event `OrderPlaced` breaks its released version 1: `lines.product`" in told
    assert "events: {OrderPlaced: {version: 2}}" in told
    assert {path: path.read_bytes() for path in fleet.rglob("*") if path.is_file()} == before
    assert "! events/order.OrderPlaced.v1 changes `lines.product` from" in run(fleet, "schemas", "diff")[1]


def test_a_new_required_field_is_refused_and_optional_is_the_remedy(fleet: Path) -> None:
    line = change(fleet, "address: string}", "address: string, gift: string}")
    code, _, told = run(fleet, "plan")
    assert code == 2
    assert f"fleet.yaml:{line}:" in told
    assert "`gift` is required, and records of that version need not have it" in told
    assert "make it `{optional: …}`" in told


def test_a_command_may_lose_nothing_that_its_receivers_need(fleet: Path) -> None:
    """An event may drop a field, a command may not: both sides of it are released on their own."""
    change(fleet, "product: string, ", "")
    code, _, told = run(fleet, "schemas", "check")
    assert code == 2
    assert "the command `PlaceOrder` breaks its released version 1" in told
    assert "`lines.product`" in told


def test_a_new_version_stands_beside_the_old_one(fleet: Path) -> None:
    before = versions(fleet)
    text = (fleet / "fleet.yaml").read_text()
    text = text.replace("product: string", "product: int")
    text = text.replace("PlaceOrder: OrderPlaced ", "PlaceOrder: {emits: OrderPlaced, version: 2} ")
    text = text.replace(
        "        queries: [GetOrder", "        events: {OrderPlaced: {version: 2}}\n        queries: [GetOrder"
    )
    (fleet / "fleet.yaml").write_text(text)
    code, _, told = run(fleet, "apply")
    assert code == 0, told
    assert {path: versions(fleet)[path] for path in before} == before
    assert run(fleet, "schemas", "release")[0] == 0
    (made,) = (fleet / "contracts/released/events/order.OrderPlaced.v2").iterdir()
    content = made.read_text()
    namespace = json.loads(content)["namespace"] if made.suffix == ".avsc" else content
    assert "starter.order.v2" in namespace  # another name, so another subject in the registry
    assert run(fleet, "schemas", "check")[0] == 0


def test_a_released_version_that_cannot_be_read_stops_everything(fleet: Path) -> None:
    (made,) = (fleet / ORDER_PLACED).iterdir()
    made.write_text("{")
    (fleet / "contracts/released/events/note.txt").write_text("")
    for command in (("schemas", "check"), ("plan",), ("schemas", "release"), ("schemas", "diff")):
        code, _, told = run(fleet, *command)
        assert (code, told.count("CON-2")) == (2, 2), told
    made.unlink()
    made.symlink_to("/etc/hosts")
    assert "it is a symbolic link" in run(fleet, "schemas", "check")[2]


def test_check_speaks_to_continuous_integration(fleet: Path) -> None:
    change(fleet, "product: string", "product: int")
    code, said, _ = run(fleet, "schemas", "check", "--format", "sarif")
    assert code == 2
    assert {item["ruleId"] for item in json.loads(said)["runs"][0]["results"]} == {"CON-1"}
