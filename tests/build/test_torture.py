"""A fleet full of traps: what is generated from it must pass the same checks as any other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import FLEETGEN, run

SPECIFICATION = Path(__file__).parent / "torture.fleet.yaml"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fleets") / "torture"
    run([*FLEETGEN, "new", "--spec", str(SPECIFICATION), str(folder)])
    return folder


def test_services_full_of_traps_pass_their_own_types_style_layers_and_tests(fleet: Path) -> None:
    printed = run(["make", "test"], cwd=fleet)
    assert printed.count("Success: no issues found") == 4
    assert len(re.findall(r"\d+ passed", printed)) == 4


def test_no_text_breaks_out_of_a_dockerfile(fleet: Path) -> None:
    run(["hadolint", *(str(path) for path in fleet.glob("services/*/Dockerfile"))])


def test_jinja_in_a_text_stays_text(fleet: Path) -> None:
    for name in ("README.md", "pyproject.toml", "Dockerfile", "src/torture_json/__init__.py"):
        text = (fleet / "services" / "json" / name).read_text()
        assert "7 * 7" in text or "7 \\* 7" in text, name
        assert "49" not in text.replace("0049", ""), name
