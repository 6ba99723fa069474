"""AsyncAPI's own parser reads the document of every service, with all that it refers to."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fleetgen.pipeline import check, desired
from fleetgen.render.templates import installed
from fleetgen.runtime.lab import once, run_tool
from formats import ENDINGS, written

HERE = Path(__file__).parent / "asyncapi"
DOCUMENTS = "contracts/asyncapi/"


def parser() -> Path:
    """The folder of the parser, installed once a machine from the lock beside this file."""
    npm = shutil.which("npm")
    assert npm, "this test asks AsyncAPI's parser: put `node` (20 or later) and `npm` on the path"

    def make(folder: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run_tool("installing the parser", command, folder, os.environ, 600)

    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:8]
    return once(f"asyncapi-parser-{digest}", make)


def asked(paths: list[Path], folder: Path) -> dict[str, Any]:
    """What the parser says of documents; the script runs beside the parser, where node looks for it."""
    modules = parser() / "node_modules"
    shutil.copy(HERE / "check.mjs", folder / "check.mjs")
    (folder / "node_modules").symlink_to(modules)
    said = run_tool("the parser", ["node", "check.mjs", *map(str, paths)], folder, os.environ, 300)
    told: dict[str, Any] = json.loads(said)
    return told


def contracts(name: str, form: str, folder: Path) -> dict[str, Path]:
    """The files under `contracts/` of a sample."""
    checked = check(written(name, form, folder))
    files = {path: file for path, file in desired(checked, installed()).extra.items() if path.startswith("contracts/")}
    for path, file in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(file.content)
    return {path: folder / path for path in files}


CASES = (("ecommerce", "avro"), ("banking", "avro"), ("starter", "protobuf"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[dict[str, Path], dict[str, Any]]]:
    """The contracts of each case and what the parser says of its documents, all asked at once."""
    written_: dict[tuple[str, str], dict[str, Path]] = {}
    for name, form in CASES:
        written_[name, form] = contracts(name, form, tmp_path_factory.mktemp(name))
    documents = [path for files in written_.values() for place, path in files.items() if place.startswith(DOCUMENTS)]
    told = asked(documents, tmp_path_factory.mktemp("parser"))
    return {
        case: (files, {place: told[str(path)] for place, path in files.items() if str(path) in told})
        for case, files in written_.items()
    }


@pytest.mark.parametrize(("name", "form"), CASES)
def test_every_document_is_taken_and_nothing_in_it_is_lost(
    shown: dict[tuple[str, str], tuple[dict[str, Path], dict[str, Any]]], name: str, form: str
) -> None:
    files, told = shown[name, form]
    assert told.keys() == {place for place in files if place.startswith(DOCUMENTS)} != set()
    assert {place: each["faults"] for place, each in told.items() if each["faults"]} == {}
    operations = [each for document in told.values() for each in document["operations"]]
    sent = {message for each in operations if each["action"] == "send" for message in each["messages"]}
    events = {Path(place).name for place in files if place.startswith("contracts/events/")}
    assert {f"{type_}.{ENDINGS[form]}" for type_ in sent} >= events
    payloads = [pair for each in operations for pair in zip(each["messages"], each["payloads"], strict=True)]
    assert all(payload for type_, payload in payloads if not type_.startswith("fleet."))


def test_a_reference_into_nothing_and_a_broken_schema_are_found(tmp_path: Path) -> None:
    files = contracts("starter", "avro", tmp_path)
    files["contracts/events/order.OrderPlaced.v1.avsc"].unlink()
    files["contracts/events/payment.PaymentTaken.v1.avsc"].write_text('{"type": "recurd", "name": "PaymentTaken"}')
    told = asked([files["contracts/asyncapi/order.yaml"], files["contracts/asyncapi/payment.yaml"]], tmp_path)
    faults = [fault for document in told.values() for fault in document["faults"]]
    assert any("order.OrderPlaced.v1" in fault for fault in faults)
    assert any("payment.PaymentTaken.v1" in fault for fault in faults)
