"""Writes the vectors: `python -m model.write [CORE …]`, to the same bytes every time.

The traces are Hypothesis', from a fixed random state; a trace that was made before is passed over.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from model.catalogue import CORES, Entry
from model.traces.recording import Recording

VECTORS = Path(__file__).parent.parent / "vectors"
DIGESTS = VECTORS / "DIGESTS"
STATE = 20_260_101
"""The random state that the vectors are made from."""


class _Enough(Exception):
    """All traces that were asked for are there."""


def made(entry: Entry, count: int, state: int) -> list[Recording]:
    """So many different traces."""
    found: dict[str, Recording] = {}

    @seed(state)
    @settings(
        max_examples=20 * count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(entry.traces)
    def collect(trace: Recording) -> None:
        found.setdefault(trace.line(""), trace)
        if len(found) == count:
            raise _Enough

    try:
        collect()
    except _Enough:
        return list(found.values())
    raise RuntimeError(f"only {len(found)} of {count} traces are different")


def lines(name: str, entry: Entry, state: int = STATE) -> Iterator[str]:
    """The lines of a core's file."""
    for number, trace in enumerate(made(entry, entry.count, state)):
        yield trace.line(f"{name}-{number}") + "\n"


def digests() -> dict[str, str]:
    """SHA-256 by file, as they were written last."""
    rows = DIGESTS.read_text("utf-8").splitlines() if DIGESTS.exists() else []
    return {name: digest for digest, name in (row.split("  ") for row in rows)}


def main(names: list[str]) -> int:
    """Write the files of these cores, or of all."""
    known = digests()
    for name in names or list(CORES):
        text = "".join(lines(name, CORES[name])).encode()
        (VECTORS / f"{name}.jsonl.gz").write_bytes(gzip.compress(text, 9, mtime=0))
        known[f"{name}.jsonl.gz"] = hashlib.sha256(text).hexdigest()
        print(f"{name}: {CORES[name].count} traces, {len(text) // 1024} KiB")
    DIGESTS.write_text("".join(f"{known[name]}  {name}\n" for name in sorted(known)), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
