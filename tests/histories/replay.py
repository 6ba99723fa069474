"""Runs histories by their seeds. `python tests/histories/replay.py FIRST [COUNT]` runs some and tells a failing one."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from unittest.mock import patch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import fleetgen.render.bundle as bundles
from fleetgen.render.engine import Engine
from fleetgen.render.templates import Templates
from histories.history import History, Lost
from histories.releases import LENGTH, LINES, line

WITH_GIT = 500  # one history in so many lives in a repository, where plain copier runs too


class Failed(AssertionError):
    """A history that lost something; the text tells it."""


def run(seeds: Iterable[int]) -> int:
    """Run the histories of some seeds; how many.

    Raises:
        Failed: At the first that breaks an invariant.
    """
    count = 0
    with _remembering():
        for seed in seeds:
            _run(seed)
            count += 1
    return count


def _run(seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="history-", dir=_memory()) as folder:
        root = Path(folder, "fleet")
        root.mkdir()
        history = History(root, seed, with_git=seed % WITH_GIT == WITH_GIT - 1)
        try:
            history.live()
        except Exception as error:
            told = "\n".join(f"  {line}" for line in history.story)
            again = f"python tests/histories/replay.py {seed}"
            raise Failed(f"seed {seed}: {error!r}\n{told}\nagain: {again}") from (
                None if isinstance(error, Lost) else error
            )


def _memory() -> str | None:
    """Files in memory where the machine has such a place: a history writes some hundred, each made durable."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextmanager
def _remembering() -> Iterator[None]:
    """Keep bundles and compiled templates, which are pure results: the releases are few and the histories many."""
    for number in range(LINES):
        line(number)
    append, read = bundles.append, bundles.read
    known: dict[tuple[bytes | None, str, int], bytes] = {}

    def remembered(bundle: bytes | None, version: str, files: object) -> bytes:
        key = (bundle, version, id(files))
        if key not in known:
            known[key] = append(bundle, version, files)  # type: ignore[arg-type]
        return known[key]

    from_bundle = lru_cache(LINES * LENGTH * 10)(lambda bundle, version: Templates(version, read(bundle, version)))
    engines = cache(Engine)
    with (
        patch("fleetgen.render.bundle.append", remembered),
        patch("fleetgen.evolve.releases.from_bundle", from_bundle),
        patch("fleetgen.render.engine.engine", engines),
        patch("fleetgen.evolve.projects.engine", engines),
    ):
        yield


if __name__ == "__main__":
    first, number = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    started, spent = time.perf_counter(), time.process_time()
    try:
        run(range(first, first + number))
    except Failed as failure:
        sys.exit(str(failure))
    print(f"{number} histories: {time.process_time() - spent:.1f} CPU s here, {time.perf_counter() - started:.1f} s")
