"""Services in Go as they come out: formatted, accepted by the compiler and by vet, their own tests green."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import FLEETGEN, run

HERE = Path(__file__).parent
SOURCES = {"starter": ["--from", "starter"], "torture": ["--spec", str(HERE / "torture.fleet.yaml")]}


@pytest.mark.parametrize("source", SOURCES)
def test_services_in_go_build_and_pass_their_tests(source: str, tmp_path: Path) -> None:
    assert shutil.which("go"), "Go is needed to test services in Go"
    run([*FLEETGEN, "new", *SOURCES[source], "--stack", "go", str(tmp_path / "fleet")])
    services = sorted((tmp_path / "fleet" / "services").iterdir())
    assert services
    for service in services:
        assert run(["gofmt", "-l", "."], service) == ""
        run(["go", "vet", "./..."], service)
        run(["go", "test", "./..."], service)


def test_a_missing_handler_stops_the_build(tmp_path: Path) -> None:
    run([*FLEETGEN, "new", "--from", "starter", "--stack", "go", str(tmp_path / "fleet")])
    order = tmp_path / "fleet" / "services" / "order"
    composition = order / "adapters" / "composition.go"
    written = composition.read_text(encoding="utf-8")
    lines = [line for line in written.splitlines() if "ConfirmOrderHandler" not in line]
    assert len(lines) == len(written.splitlines()) - 2  # what embeds it, and what makes it
    composition.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="missing method ConfirmOrder"):
        run(["go", "build", "./..."], order)
