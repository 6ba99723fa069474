"""Damaged specifications given to the commands: an answer with a place, never a traceback, never half a fleet."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleetgen.cli.app import app
from fleetgen.core.resources import sample, samples
from fleetgen.pipeline import prepare
from fleetgen.spec.load import load
from mutations import mutation

QUICK, ALL = 300, 10_000
LIMIT = 5.0  # seconds that a person may wait for an answer
GENERATED = 25  # one in so many of the specifications that are sound after all is also written out
PLACED = re.compile(r"^\S*fleet\.yaml:\d+:\d+: error \w+-\d+ [a-z0-9-]+: \S", re.MULTILINE)


def texts() -> list[str]:
    return [path.read_text() for name in samples() if (path := sample(name))]


@pytest.mark.parametrize(
    "seeds", [range(QUICK), pytest.param(range(QUICK, ALL), marks=pytest.mark.full)], ids=["some", "all"]
)
def test_damage_is_answered_with_a_place_and_writes_nothing(seeds: range, tmp_path: Path) -> None:
    sources, source = texts(), tmp_path / "fleet.yaml"
    loaded = sound = 0
    slowest = 0.0
    for seed in seeds:
        source.write_bytes(mutation(sources, seed))
        loaded += load(source)[0] is not None
        sound += not (failed := prepare(source, "python").checked.failed)
        if failed:
            began = time.process_time()
            assert answered(seed, "lint", str(source)) == 2, seed
            written(seed, source, failed=True)
            slowest = max(slowest, time.process_time() - began)
        elif sound % GENERATED == 0:
            written(seed, source, failed=False)
    print(f"{len(seeds)} specifications: {loaded} loaded, {sound} sound, slowest pair of answers {slowest:.2f} CPU s")
    assert slowest < 2 * LIMIT
    assert loaded >= len(seeds) / 5
    assert 0 < sound < len(seeds)


def answered(seed: int, *command: str) -> int:
    """Run a command in this process; its exit code."""
    result = CliRunner().invoke(app, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), (seed, result.exc_info)
    assert "Traceback" not in result.output, seed
    if result.exit_code == 2:
        assert PLACED.search(result.output), (seed, result.output)
    assert result.exit_code in (0, 1, 2), (seed, result.output)
    return result.exit_code


def written(seed: int, source: Path, *, failed: bool) -> None:
    """`new` leaves nothing where the specification is wrong, and a whole fleet where it is not."""
    target = source.with_name(f"fleet-{seed}")
    code = answered(seed, "new", "--spec", str(source), "--stack", "python", str(target))
    assert code == (2 if failed else 0), seed
    assert target.exists() is not failed, seed
    assert not list(source.parent.glob(".fleet*")), seed
    if not failed:
        assert (target / "fleet.lock").is_file() and any((target / "services").iterdir()), seed
