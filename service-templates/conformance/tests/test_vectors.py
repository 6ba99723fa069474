"""The vectors are what the model says, written from a fixed random state; and the model knows no chassis."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from model import write
from model.catalogue import CORES
from model.traces.recording import shown

HERE = Path(__file__).parent.parent


@pytest.mark.parametrize("name", sorted(CORES))
def test_the_model_decides_as_it_did(name: str) -> None:
    entry = CORES[name]
    for line in gzip.decompress((write.VECTORS / f"{name}.jsonl.gz").read_bytes()).splitlines():
        trace, state = json.loads(line), None
        for number, step in enumerate(trace["steps"], start=1):
            state = step["state"] if step.get("state") is not None else state
            state, effects = entry.decide(trace["config"], state, step["input"], step["now"])
            assert effects == step["effects"], f"{trace['name']}, step {number}"
            assert not entry.keeps or shown(state) == step["next"], f"{trace['name']}, step {number}"


def test_the_files_are_as_they_were_written() -> None:
    found = {
        path.name: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() for path in write.VECTORS.glob("*.gz")
    }
    assert found == write.digests()
    assert found.keys() == {f"{name}.jsonl.gz" for name in CORES}


@pytest.mark.parametrize("name", ["deadline", "barrier"])
def test_the_same_state_writes_the_same_bytes(name: str) -> None:
    """In a process of its own: Hypothesis draws constants of the modules that are loaded, also of pytest's."""
    program = "import sys; from model import write as w; n = sys.argv[1]; sys.stdout.writelines(w.lines(n, w.CORES[n]))"
    text = subprocess.run([sys.executable, "-c", program, name], cwd=HERE, check=True, capture_output=True).stdout
    assert hashlib.sha256(text).hexdigest() == write.digests()[f"{name}.jsonl.gz"]


def test_the_model_knows_no_chassis() -> None:
    imported = set[str]()
    for path in [*HERE.glob("model/**/*.py"), *HERE.glob("simulation/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
    assert "model" in imported
    assert not imported & {"chassis", "fleetgen"}
