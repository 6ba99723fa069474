"""Reads traces, lets the cores decide, and compares."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chassis.replay import calls, messages, sagas
from chassis.replay.core import Core, Step, Unknown

CORES: dict[str, Core] = {**calls.CORES, **messages.CORES, **sagas.CORES}
MISSING = object()


class NotReplayable(Exception):
    """The file cannot be read, or asks for what this chassis does not have."""


@dataclass(slots=True)
class Replayed:
    """What became of a file."""

    traces: int = 0
    steps: int = 0
    cores: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def replayed(path: Path) -> Replayed:
    """Replay a file of traces, plain or compressed. Raises `NotReplayable`."""
    result = Replayed()
    for trace in _traces(path):
        try:
            result.steps += _replay(trace, result)
        except Unknown as reason:
            raise NotReplayable(f"{path}: {trace['name']}: {reason}") from reason
        result.traces += 1
    return result


def _traces(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        for number, line in enumerate(text.decode().splitlines(), start=1):
            trace = json.loads(line)
            if not _is_trace(trace):
                raise NotReplayable(f"{path}: line {number}: no trace")
            if trace["core"] not in CORES:
                raise NotReplayable(f"{path}: line {number}: no core {trace['core']}")
            yield trace
    except (OSError, ValueError, EOFError) as reason:
        raise NotReplayable(f"{path}: {reason}") from reason


def _is_trace(given: Any) -> bool:
    if not isinstance(given, dict) or not given.keys() >= {"core", "name", "config", "steps"}:
        return False
    return all(step.keys() >= {"now", "input", "effects"} and len(step["input"]) == 1 for step in given["steps"])


def _replay(trace: dict[str, Any], result: Replayed) -> int:
    """Go through the steps up to the first one that differs; gives how many that were."""
    if trace["core"] not in result.cores:
        result.cores.append(trace["core"])
    core = CORES[trace["core"]](trace["config"])
    for number, given in enumerate(trace["steps"], start=1):
        ((kind, fields),) = given["input"].items()
        wanted = {name: given[name] for name in ("effects", "next") if name in given}
        try:
            if "state" in given:
                core.load(given["state"])
            got: Any = {"effects": core.decide(Step(kind, fields, given["now"]))}
            if "next" in given:
                got["next"] = core.state()
        except Unknown:
            raise
        except Exception as error:  # whatever a core raises is no decision
            got = f"{type(error).__name__}: {error}"
        if got != wanted:
            result.differences.append(f"{trace['name']}, step {number}: {_difference(wanted, got)}")
            return number
    return len(trace["steps"])


def _difference(wanted: Any, got: Any) -> str:
    """Where two values differ first: a path, and both."""
    path = ""
    while True:
        if isinstance(wanted, dict) and isinstance(got, dict):
            keys = [key for key in (*wanted, *got) if wanted.get(key, MISSING) != got.get(key, MISSING)]
            path, wanted, got = f"{path}.{keys[0]}", wanted.get(keys[0], MISSING), got.get(keys[0], MISSING)
        elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
            at = next(index for index, (one, other) in enumerate(zip(wanted, got, strict=True)) if one != other)
            path, wanted, got = f"{path}[{at}]", wanted[at], got[at]
        else:
            return f"{path.removeprefix('.')}: wanted {_text(wanted)}, got {_text(got)}"


def _text(value: Any) -> str:
    return "nothing" if value is MISSING else json.dumps(value)
