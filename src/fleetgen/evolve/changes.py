"""Turns the verdict on each path into an action, or into a reason not to act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.evolve import findings
from fleetgen.evolve.actions import Action, Kind
from fleetgen.evolve.decide import Verdict, decide
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.evolve.merge import Unmergeable, conflict_line, merge
from fleetgen.evolve.ownership import ANSWERS, Owner
from fleetgen.render.files import File, Stamp
from fleetgen.render.git import run

_CHUNK = 200  # paths on one command line


@dataclass(frozen=True)
class Entry:
    """A path with its two renderings; contents are made when asked for."""

    path: str
    owner: Owner
    base: Stamp | None
    wanted: Stamp | None
    base_file: Callable[[], File | None]
    wanted_file: Callable[[], File | None]
    scaffold: bool = False
    project: str = ""  # empty for what needs the whole fleet
    once: bool = False


class Judge:
    """Judges paths one by one and collects what stands against them."""

    def __init__(self, disk: Disk, overwrite: frozenset[str]) -> None:
        self._disk = disk
        self._overwrite = overwrite
        self._found: list[Diagnostic] = []
        self._merged: list[str] = []

    def judge(self, entry: Entry) -> Action | None:
        """The action for a path, if there is one."""
        current = self._disk.look(entry.path)
        if isinstance(current, Blocked):
            self._blocked(entry, current)
            return None
        stamp = current.stamp if current else None
        verdict = decide(entry.owner, entry.base, entry.wanted, stamp, once=entry.once)
        if verdict is Verdict.EDITED and not self._may_overwrite(entry.path):
            self._found.append(findings.edited(entry.path))
        elif verdict is Verdict.EDITED:
            verdict = Verdict.DELETE if entry.wanted is None else Verdict.CHANGE
        if verdict is Verdict.KEEP:
            self._found.append(findings.kept(entry.path, "the templates no longer have it, but you edited it"))
        if verdict is Verdict.MERGE and current is not None:
            return self._merge(entry, current)
        if verdict in {Verdict.ADD, Verdict.CHANGE, Verdict.DELETE}:
            after = None if verdict is Verdict.DELETE else entry.wanted_file()
            return Action(Kind(verdict.value), entry.path, entry.owner, stamp, after)
        return None

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was found, and which of the merged files hold a change that git does not know."""
        return (*self._found, *map(findings.dirty, uncommitted(self._disk.root, self._merged)))

    def _may_overwrite(self, path: str) -> bool:
        return path in self._overwrite or path.rsplit("/", 1)[-1] == ANSWERS

    def _blocked(self, entry: Entry, obstacle: Blocked) -> None:
        if entry.owner is Owner.USER and entry.base is not None:
            if entry.base != entry.wanted:
                self._found.append(findings.kept(entry.path, obstacle.reason))
        elif entry.wanted is not None:
            self._found.append(findings.blocked(entry.path, obstacle.reason))

    def _merge(self, entry: Entry, current: File) -> Action | None:
        wanted = entry.wanted_file()
        if line := conflict_line(current.content):
            self._found.append(findings.unresolved(entry.path, line))
            return None
        if wanted is None:
            return None
        try:
            merged = merge(current, entry.base_file(), wanted, self._disk.root)
        except Unmergeable:
            self._found.append(findings.kept(entry.path, "it is binary, and both you and the templates changed it"))
            return None
        if merged.file == current:
            return None
        self._merged.append(entry.path)
        kind = Kind.CONFLICT if merged.conflict else Kind.MERGE
        return Action(kind, entry.path, entry.owner, current.stamp, merged.file, merged.conflict)


def uncommitted(root: Path, paths: list[str], *, ignored: bool = True) -> list[str]:
    """Those of the paths whose content on disk is not what git has; none outside a repository."""
    found: list[str] = []
    for start in range(0, len(paths), _CHUNK):
        chunk = paths[start : start + _CHUNK]
        shown = ("--ignored=matching",) if ignored else ()
        options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", *shown)
        result = run(["--literal-pathspecs", "status", *options, "--", *chunk], root)
        if result.returncode != 0:
            return []
        prefix = run(["rev-parse", "--show-prefix"], root).stdout.decode().strip()
        for line in result.stdout.decode(errors="surrogateescape").split("\0"):
            if line:
                found.append(line[3:].removeprefix(prefix))
    return sorted(set(found))
