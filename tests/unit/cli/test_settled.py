"""A plan of nothing is not made twice, as long as there was nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import edit_spec, run
from fleetgen import pipeline


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The specifications that were read."""
    seen: list[Path] = []
    check = pipeline.check
    monkeypatch.setattr(pipeline, "check", lambda path, own: (seen.append(path), check(path, own))[1])  # type: ignore[func-returns-value]
    return seen


def test_the_second_plan_of_nothing_reads_no_specification(fleet: Path, looked: list[Path]) -> None:
    first = run("plan")
    assert (len(looked), first.code, first.out) == (1, 0, "Plan: nothing to do\n")
    assert run("plan") == first
    assert run("apply") == first
    assert '"actions": []' in run("plan", "--json").out
    assert len(looked) == 1
    run("update")
    run("update")
    assert len(looked) == 2


def test_what_was_applied_is_known_to_be_done(fleet: Path, looked: list[Path]) -> None:
    generated = next((fleet / "deploy/helm/order").rglob("values.yaml"))
    generated.unlink()
    assert run("apply").code == 0
    assert generated.exists()
    before = len(looked)
    assert run("plan").out == "Plan: nothing to do\n"
    assert len(looked) == before


def test_a_warning_is_said_every_time(fleet: Path, looked: list[Path]) -> None:
    edit_spec(fleet, "  sales: 6\n", "  sales: 60\n")
    assert run("apply").code == 0
    looked.clear()
    said = [run("plan") for _ in range(3)]
    assert "TEAM-" in said[0].err
    assert said[1:] == said[:2]
    assert len(looked) == 3


def test_an_edit_of_a_generated_file_is_found_after_all(fleet: Path) -> None:
    assert run("plan").code == 0
    chart = fleet / "deploy/helm/order/Chart.yaml"
    chart.write_text(chart.read_text() + "# mine\n")
    assert run("plan").code == 2
