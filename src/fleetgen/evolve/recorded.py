"""What a fleet has of its own that a new rendering must respect: the past of its databases, and files given away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.evolve import findings
from fleetgen.evolve.desired import Desired, Project, place
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.evolve.lock import Lock
from fleetgen.evolve.lock import read as read_lock
from fleetgen.evolve.ownership import ANSWERS, LOCK
from fleetgen.render.answers import load
from fleetgen.render.files import File, Tree

EJECTED = "ejected"  # the answer that names paths which are no longer rendered
_MIGRATIONS = "gen/migrations"


@dataclass(frozen=True)
class Recorded:
    """`migrations`: the numbered files, by path. `ejected`: folder of a project -> paths in it that are a person's.

    Files of no project, such as contracts, are ejected from the root project.
    """

    migrations: Tree = field(default_factory=dict)
    ejected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def paths(self) -> frozenset[str]:
        """All ejected paths of the monorepo."""
        return frozenset(place(project, path) for project, paths in self.ejected.items() for path in paths)

    def respected(self, desired: Desired) -> Desired:
        """The same without what was given away; the answers say so, so that plain copier leaves it alone too."""
        if not self.ejected:
            return desired
        projects = tuple(self._answered(project) for project in desired.projects)
        paths = self.paths
        extra = {path: file for path, file in desired.extra.items() if path not in paths}
        given = {path: desired.extra[path] for path in paths & desired.extra.keys()}
        return replace(desired, projects=projects, extra=extra, ejected=paths, given=given)

    def _answered(self, project: Project) -> Project:
        paths = self.ejected.get(project.path)
        return replace(project, answers={**project.answers, EJECTED: list(paths)}) if paths else project


NOTHING = Recorded()
# What copier and fleetgen write where nothing is ejected: answers are long, and most need not be parsed.
_NONE_EJECTED = re.compile(rb"^ejected: \[\]$", re.MULTILINE)


def read_recorded(root: Path, folders: Iterable[str]) -> tuple[Recorded, tuple[Diagnostic, ...]]:
    """Read it; `folders` are those in which numbered files may lie. Nothing to complain of where there is no fleet.

    A numbered file that is not as it was written is an error: what ran somewhere must be the same everywhere.
    """
    disk = Disk(root)
    lock_file = disk.look(LOCK)
    try:
        lock = read_lock(lock_file.content) if isinstance(lock_file, File) else None
    except ValueError:
        return NOTHING, ()  # whoever plans says so
    known, found = _migrations(disk, lock, folders)
    return Recorded(known, ejected(disk, lock)), found


def ejected(disk: Disk, lock: Lock | None) -> dict[str, tuple[str, ...]]:
    """Folder of a project -> the paths in it that its answers call ejected."""
    found = {}
    for project in lock.projects if lock else ():
        file = disk.look(place(project, ANSWERS))
        if isinstance(file, File) and not _NONE_EJECTED.search(file.content):
            answers = load(file.content) or {}
            paths = answers.get(EJECTED) or []
            if isinstance(paths, list) and paths:
                found[project] = tuple(str(path) for path in paths)
    return found


def _migrations(disk: Disk, lock: Lock | None, folders: Iterable[str]) -> tuple[Tree, tuple[Diagnostic, ...]]:
    locked = {path: stamp for path, stamp in (lock.extra if lock else {}).items() if is_migration(path)}
    places = {*folders, *(PurePosixPath(path).parent.as_posix() for path in locked)}
    there = {f"{folder}/{name}" for folder in places for name in _names(disk.root / folder)}
    known: dict[str, File] = {}
    found = []
    for path in sorted({*there, *locked}):
        file = disk.look(path)
        if isinstance(file, Blocked):
            found.append(findings.blocked(path, file.reason))
        elif file is None or (path in locked and file.stamp != locked[path]):
            found.append(findings.past_changed(path))
        else:
            known[path] = file
    return known, tuple(found)


def is_migration(path: str) -> bool:
    """Whether a path of the monorepo is part of the past of a database, which nobody takes away."""
    return path.startswith("services/") and PurePosixPath(path).parent.as_posix().endswith(f"/{_MIGRATIONS}")


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix in (".sql", ".json")] if folder.is_dir() else []
