"""Looks for traces that a chassis decides otherwise than the model, and keeps the least one of each core.

`python -m model.hunt [--state N] [--count N] CORE … -- COMMAND …`: the command gets a file of traces behind its
arguments, prints `NAME, step N: …` for each trace that it decides otherwise, as `chassis replay` does, and exits with 1
if there are any. Exit code 1: something was found.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from model.catalogue import CORES
from model.traces.recording import Recording
from model.write import VECTORS, made

REGRESSIONS = VECTORS / "regressions"
BATCH = 100


def differing(command: list[str], traces: list[Recording]) -> Recording | None:
    """The least trace that the command decides otherwise, cut behind the step where it does."""
    found = [cut for at in range(0, len(traces), BATCH) for cut in _differing(command, traces[at : at + BATCH])]
    return min(found, key=lambda trace: (len(trace.steps), len(trace.line(""))), default=None)


def _differing(command: list[str], traces: list[Recording]) -> list[Recording]:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "traces.jsonl"
        path.write_text("".join(f"{trace.line(f'at-{at}')}\n" for at, trace in enumerate(traces)), "utf-8")
        done = subprocess.run([*command, str(path)], check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
    places = re.findall(r"at-(\d+), step (\d+):", done.stdout)
    if len(places) == 0 and done.returncode == 1:
        raise SystemExit(f"{' '.join(command)} does not say which traces differ: {done.stdout}")
    return [traces[int(at)].first(int(steps)) for at, steps in places]


def kept(name: str, trace: Recording) -> Path:
    """Write a trace among those that once failed."""
    mark = hashlib.sha256(trace.line("").encode()).hexdigest()[:8]
    path = REGRESSIONS / f"{name}-{mark}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(trace.line(f"{name}-{mark}") + "\n", "utf-8")
    return path


def main(arguments: list[str]) -> int:
    """Hunt in the cores that are named, or in all."""
    parser = argparse.ArgumentParser(prog="model.hunt", usage=(__doc__ or "").split("`")[1])
    parser.add_argument("--state", type=int, default=0)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("cores", nargs="*", choices=[*CORES, []], metavar="CORE")
    if "--" not in arguments:
        parser.error("the command is missing")
    at, found = arguments.index("--"), 0
    given = parser.parse_args(arguments[:at])
    for name in given.cores or list(CORES):
        trace = differing(arguments[at + 1 :], made(CORES[name], given.count, given.state))
        if trace is not None:
            found += 1
            print(f"{name}: decided otherwise, random state {given.state}: {kept(name, trace)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
