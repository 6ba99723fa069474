"""`fleetgen report` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fleetgen.cli.app import app

SAMPLES = Path(__file__).parents[4] / "samples"
SMALL = "fleet: shop\nteams: {sales: 6}\ncontexts:\n  order: {subdomain: core, purpose: Orders, team: sales}\n"


def report(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(SMALL)
    return tmp_path


def test_it_prints_the_trees(small):
    done = report(small)
    assert done.exit_code == 0
    assert done.stdout.startswith("MICROSERVICES ARCHITECTURE ANALYSIS\n")
    assert "├── Core Domain: Order - Orders; 6 of 6 developers own it" in done.stdout


def test_leaves_as_json_know_line_and_column(small):
    done = report(small, "--json")
    assert done.exit_code == 0
    sources = [source for leaf in json.loads(done.stdout)["leaves"] for source in leaf["sources"]]
    (purpose,) = {(s["path"], s["line"], s["column"]) for s in sources if s.get("path") == "contexts.order.purpose"}
    assert purpose == ("contexts.order.purpose", 4, SMALL.splitlines()[3].index("Orders") + 1)


def test_all_pages_go_into_a_folder_that_is_free(small):
    folder = small / "out"
    assert report(small, "--output", folder).exit_code == 0
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert "architecture.md" in written
    again = report(small, "--output", folder)
    assert again.exit_code == 2
    assert "is not empty" in again.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == written


def test_of_a_specification_with_errors_nothing_counts_as_generated():
    done = report(SAMPLES / "banking", "--json")
    assert done.exit_code == 1
    assert "STK-1" in done.stderr
    kinds = {source["kind"] for leaf in json.loads(done.stdout)["leaves"] for source in leaf["sources"]}
    assert "not generated" in kinds
    assert "file" not in kinds


def test_what_cannot_be_understood_has_no_report(small):
    (small / "fleet.yaml").write_text("fleet: [\n")
    done = report(small, "--output", small / "out")
    assert (done.exit_code, done.stdout) == (2, "")
    assert not (small / "out").exists()
