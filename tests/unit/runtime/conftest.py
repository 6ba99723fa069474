import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # `fake_fleet`


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches this machine's cache or its table of ports."""
    monkeypatch.setenv("FLEETGEN_LAB", str(tmp_path / "cache"))
