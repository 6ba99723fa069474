"""The wheel alone, in an empty environment, far from the checkout: it carries all that it needs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_templates_and_nothing_of_the_machine(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("blueprints/monorepo/", "service-templates/copier.yml", "samples/starter/fleet.yaml"):
        assert any(name.startswith(f"fleetgen/_templates/{wanted}") for name in names), wanted
    litter = ("__pycache__", ".venv", ".mypy_cache", ".pytest_cache", ".hypothesis")
    assert [name for name in names if any(part in name.split("/") for part in litter)] == []


def test_an_installed_wheel_generates_the_same_fleet(wheel: Path, tmp_path: Path) -> None:
    environment, home = tmp_path / "environment", tmp_path / "home"
    home.mkdir()
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    lock = ROOT / "requirements" / "runtime.lock"
    install = [UV, "pip", "install", "--quiet", "--python", str(environment / "bin" / "python")]
    subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
    subprocess.run([*install, "--no-deps", wheel], check=True)
    plain = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C"}
    for name, command in {
        "installed": [str(environment / "bin" / "fleetgen")],
        "checkout": [sys.executable, "-m", "fleetgen.cli.main"],
    }.items():
        target = ["new", "--from", "starter", str(tmp_path / name)]
        subprocess.run([*command, *target], env=plain, cwd=tmp_path, check=True, capture_output=True)
    different = subprocess.run(
        ["diff", "-r", "--exclude=.git", tmp_path / "installed", tmp_path / "checkout"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert different.returncode == 0, different.stdout
