"""A small fleet with the real templates, as the current folder."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # `shop` and `command_line`

from command_line import run


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("starter") / "fleet"
    said = run("new", "--from", "starter", str(folder))
    assert said.code == 0, said.err
    return folder


@pytest.fixture
def fleet(starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its own, as the current folder."""
    folder = tmp_path / "fleet"
    shutil.copytree(starter, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder
