from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FLEETGEN = [sys.executable, "-m", "fleetgen.cli.main"]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def fleet_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The monorepo of a sample, every service in Python; generated once a session."""
    made: dict[str, Path] = {}

    def generate(sample: str) -> Path:
        if sample not in made:
            folder = tmp_path_factory.mktemp("fleets") / sample
            run([*FLEETGEN, "new", "--from", sample, "--stack", "python", str(folder)])
            made[sample] = folder
        return made[sample]

    return generate


def run(command: list[str], cwd: Path | None = None) -> str:
    """Run to the end with this environment's tools in front; what it printed stands in a failure's message."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout
