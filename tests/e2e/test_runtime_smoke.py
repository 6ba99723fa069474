"""`smoke` on generated fleets: it passes on what is generated, and does not on a fleet that is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetgen.core.diagnostic import has_errors
from fleetgen.core.resources import sample
from fleetgen.evolve.create import create
from fleetgen.pipeline import desired, prepare
from fleetgen.render.templates import installed
from fleetgen.runtime.down import down
from fleetgen.runtime.options import UpOptions
from fleetgen.runtime.running import up
from fleetgen.runtime.seed import seed
from fleetgen.runtime.smoke import SmokeRun, smoke

LONELY = """
fleet: lonely
domain: One service
organisation: com.example.lonely
teams: {all: 5}
contexts:
  note:
    subdomain: core
    purpose: Keeping notes
    team: all
    stack: python
    aggregates:
      Note:
        fields: {text: string}
        commands:
          WriteNote: NoteWritten
        queries: [GetNote]
"""


def generate(specification: Path, root: Path) -> Path:
    prepared = prepare(specification)
    assert not prepared.checked.failed, prepared.checked.diagnostics
    diagnostics = create(root, desired(prepared.checked, installed()), prepared.files)
    assert not has_errors(diagnostics), diagnostics
    return root


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    specification = sample("starter")
    assert specification is not None
    root = generate(specification, tmp_path_factory.mktemp("starter") / "fleet")
    yield root
    down(root)


def by_title(runs: tuple[SmokeRun, ...]) -> dict[str, SmokeRun]:
    return {run.title: run for run in runs}


def test_every_saga_happily_and_into_each_compensation_again_and_again(starter: Path) -> None:
    running = up(starter, UpOptions(broker="kafka", reload=False))
    try:
        assert seed(starter) == 2  # a payment and a shipment; the order is the saga's
        for _ in range(2):
            result = smoke(starter)
            assert result.passed, result.text()
            runs = by_title(result.runs)
            assert runs.keys() == {"checkout, happy", "checkout, refused with PaymentDeclined"}
            happy = runs["checkout, happy"]
            assert happy.trace is not None
            assert {span.service for span in happy.trace.all()} == {"smoke", "order", "payment", "shipping"}
            assert len(happy.trace.children) == 1  # the request; all else follows from it
            assert "1 x PaymentTaken on the bus" in [check.text for check in happy.checks]
            assert re.search(r"payment +.*└─ .*TakePayment", happy.text())
    finally:
        running.stop()


def test_a_saga_that_does_not_end_is_not_a_success(starter: Path) -> None:
    running = up(starter, UpOptions(broker="kfake", reload=False, only=("order", "shipping")))
    try:
        result = smoke(starter, patience=3)
        assert not result.passed
        happy = by_title(result.runs)["checkout, happy"]
        failed = {check.text for check in happy.checks if not check.passed}
        assert {"ends completed", "1 x PaymentTaken on the bus", "spans of order, payment, shipping"} <= failed
        assert "FAILED" in result.text()
    finally:
        running.stop()


def test_a_fleet_without_sagas_gets_one_command_a_service(tmp_path: Path) -> None:
    specification = tmp_path / "fleet.yaml"
    specification.write_text(LONELY)
    root = generate(specification, tmp_path / "fleet")
    running = up(root, UpOptions(broker="kfake", reload=False))
    try:
        result = smoke(root)
        assert result.passed, result.text()
        assert [run.ended for run in result.runs] == ["NoteWritten"]
    finally:
        running.stop()
