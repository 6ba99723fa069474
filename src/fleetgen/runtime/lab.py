"""The cache of servers that are fetched or built once per machine: `$FLEETGEN_LAB`, else `~/.cache/fleetgen-lab`."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fleetgen.runtime.events import RuntimeProblem

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def lab() -> Path:
    """The folder; it need not exist."""
    chosen = os.environ.get("FLEETGEN_LAB")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "fleetgen-lab"


def once(name: str, make: Callable[[Path], None]) -> Path:
    """The entry of that name, made by `make(empty folder)` if it is not there.

    Two that want the same wait for each other, and an interrupted one leaves nothing behind that looks whole.
    """
    place = lab() / name
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():
            return place
        work = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
        try:
            make(work)
            work.chmod(0o755)
            work.rename(place)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    return place


def run_tool(what: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float) -> str:
    """Run a tool to its end; a failure is a problem that carries the tool's last words."""
    try:
        done = subprocess.run(
            arguments, cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="replace", timeout=limit, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        raise RuntimeProblem(f"{what} took longer than {limit:.0f} s") from late
    except OSError as missing:
        raise RuntimeProblem(f"{what} cannot run `{arguments[0]}`: {missing.strerror}") from missing
    if done.returncode != 0:
        raise RuntimeProblem(f"{what} failed with code {done.returncode}: {_last_words(done.stdout, done.stderr)}")
    return done.stdout


def _last_words(*outputs: str) -> str:
    """The last lines of the output that says something, without colours."""
    said = [[line for line in _COLOUR.sub("", output).splitlines() if line.strip()] for output in outputs]
    return " / ".join(next((lines[-3:] for lines in reversed(said) if lines), ["it said nothing"]))
