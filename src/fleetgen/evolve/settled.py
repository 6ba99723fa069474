"""Remembers that a plan found nothing to do and had nothing to say, so that asking again needs no rendering.

The memory is one digest a fleet, of all that such a plan depends on: this fleetgen, the specification, and every file
that fleetgen wrote or reads. It lies in the user's cache, not in the fleet; without it everything is planned anew.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from fleetgen.core.resources import LITTER, carried_folders
from fleetgen.evolve.ownership import ANSWERS, LOCK

_READ = ("fleet.yaml", "contexts", "contracts", ".fleetgen")
_PACKAGE = Path(__file__).resolve().parents[1]


class Settled:
    """What is remembered of the fleet at `root`, for a plan that was asked for with `options`."""

    def __init__(self, root: Path, options: Iterable[str]) -> None:
        self._root = root
        self._options = tuple(options)
        name = sha256(os.fsencode(root.resolve())).hexdigest()[:32]
        self._place = _cache() / "fleetgen/settled" / name

    def holds(self) -> bool:
        """Whether the same plan was nothing, and nothing has changed since."""
        try:
            remembered = self._place.read_text()
        except (OSError, ValueError):
            return False
        return remembered == self._digest()

    def remember(self) -> None:
        """The fleet as it is now needs nothing. Where nothing can be kept, the next plan takes its time."""
        digest = self._digest()
        if digest is None:
            return
        with suppress(OSError):
            self._place.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._place.with_suffix(f".{os.getpid()}")
            fresh.write_text(digest)
            fresh.replace(self._place)

    def _digest(self) -> str | None:
        """Nothing where the fleet cannot be read: then the plan says why."""
        total = sha256()
        try:
            for part in (sys.version, str(_installed()), *self._options):
                total.update(f"{part}\n".encode())
            for folder in (_PACKAGE, *carried_folders()):
                _add(total, folder, _below(folder))
            _add(total, self._root, _paths(self._root))
        except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return None
        return total.hexdigest()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _installed() -> int:
    """Changes whenever a library is installed or removed."""
    return os.stat(sysconfig.get_path("purelib")).st_mtime_ns  # noqa: PTH116 - a path as text


def _paths(root: Path) -> Iterator[str]:
    """Whatever a plan looks at, each with the folders it lies in: a link on the way would be another fleet."""
    lock = json.loads((root / LOCK).read_bytes())
    files = [LOCK, *lock["fleet"], *lock.get("ejected", {})]
    for project, rendered in lock["projects"].items():
        files += [f"{project}/{path}" for path in (ANSWERS, *rendered["files"])]
    folders = {parent for path in files for parent in _parents(path)}
    grown = [folder for folder in folders if folder.endswith("gen/migrations")]
    yield from sorted({*files, *folders})
    for name in sorted({*_READ, *grown}):
        yield name
        yield from (f"{name}/{path}" for path in _below(root / name))


def _parents(path: str) -> Iterator[str]:
    return (parent.as_posix() for parent in PurePosixPath(path).parents if parent.name)


def _below(folder: Path) -> Iterator[str]:
    """Every file and link below a folder, in order; what tools leave behind in a checkout is left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LITTER)
        for name in sorted((*files, *folders)):
            yield os.path.relpath(os.path.join(place, name), folder)  # noqa: PTH118 - thousands of times


def _add(total: Any, root: Path, paths: Iterable[str]) -> None:
    for path in paths:
        total.update(f"{path}\0{_state(f'{root}/{path}')}\n".encode(errors="surrogateescape"))


def _state(path: str) -> str:
    """What is at a path: nothing, a folder, content that can or cannot be run, or a link and what it leads to."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    link = f"link {os.readlink(path)} " if stat.S_ISLNK(mode) else ""  # noqa: PTH115 - a path as text
    if stat.S_ISREG(mode) or (link and os.path.isfile(path)):  # noqa: PTH113
        with open(path, "rb") as file:  # noqa: PTH123 - thousands of times
            return f"{link}{sha256(file.read()).hexdigest()} {bool(mode & 0o111)}"
    return f"{link}kind {stat.S_IFMT(mode)}"
