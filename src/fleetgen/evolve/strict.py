"""`update --strict-copier`: the fleet becomes what copier's own command makes of it, byte for byte.

Copier itself is run, project by project with a commit after each, in a temporary work tree of the user's repository:
there its settings hold and its objects are at hand, but no file of the user's is touched. What changed there becomes
the plan. That includes what copier loses; each edit that it gives up is told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.evolve import findings
from fleetgen.evolve.actions import Action, Kind
from fleetgen.evolve.changes import Entry, uncommitted
from fleetgen.evolve.desired import Desired, Project, place
from fleetgen.evolve.disk import Blocked, Disk, read
from fleetgen.evolve.merge import conflict_line
from fleetgen.evolve.ownership import ANSWERS, BUNDLE, owner_of
from fleetgen.render import copier_command as copier
from fleetgen.render.files import File
from fleetgen.render.git import git, run
from fleetgen.render.templates import Templates

_QUIETLY = ("-c", f"core.hooksPath={os.devnull}", "-c", "user.name=fleetgen", "-c", "user.email=fleetgen@localhost")
_COMMIT = ("commit", "--quiet", "--allow-empty", "--no-verify", "--no-gpg-sign", "--message", "copier update")


@dataclass(frozen=True)
class Copied:
    """What copier did: to which projects, to which paths, and the index entries of its conflicts."""

    projects: frozenset[str] = frozenset()
    actions: tuple[Action, ...] = ()
    stages: bytes = b""
    diagnostics: tuple[Diagnostic, ...] = ()


def by_copier(
    disk: Disk,
    desired: Desired,
    entries: Iterable[Entry],
    release: Templates,
    bundle: Callable[[str], bytes | None],
) -> Copied:
    """Update every project that is behind. Those that nobody wrote yet are not copier's to update, and those of a
    person's own templates have releases of their own: they are merged as in an ordinary update.
    """
    known = {entry.path: entry for entry in entries}
    carried = [project for project in desired.projects if project.template not in desired.own]
    recorded = {project.path: disk.look(place(project.path, ANSWERS)) for project in carried}
    copied = frozenset(path for path, found in recorded.items() if isinstance(found, File))
    behind = [
        project
        for project in sorted(carried, key=lambda one: one.path)
        if project.path in copied and _behind(known, project, recorded[project.path])
    ]
    if not behind:
        return Copied(copied)
    if obstacle := _obstacle(disk.root):
        return Copied(diagnostics=(findings.needs_commit(obstacle),))
    with _work_tree(disk.root) as folder:
        if (content := bundle(release.version)) is not None:
            (folder / BUNDLE).write_bytes(content)
            _commit(folder)
        before, stages = _snapshot(folder), b""
        for project in behind:
            try:
                copier.update(folder / project.path, release.tag, {"template": project.template, **project.answers})
            except copier.CopierError as error:
                refused = findings.failed(f"copier cannot update `{project.path}`", str(error))
                return Copied(diagnostics=(refused,))
            stages += _unmerged(folder)
            _commit(folder)
        after = _snapshot(folder)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    obstacles = tuple(_hidden(disk, changed, before))
    actions = tuple(_action(known.get(path), path, before.get(path), after.get(path)) for path in changed)
    lost = (findings.given_up(action.path) for action in actions if _gives_up(known.get(action.path), action))
    return Copied(copied, actions, stages, (*obstacles, *lost))


def _behind(known: Mapping[str, Entry], project: Project, recorded: File | Blocked | None) -> bool:
    entry = known.get(place(project.path, ANSWERS))
    return entry is not None and isinstance(recorded, File) and recorded.stamp != entry.wanted


def _obstacle(root: Path) -> str:
    if run(["rev-parse", "--verify", "--quiet", "HEAD"], root).returncode != 0:
        return f"`{root}` is in no git repository with a commit"
    changed = [path for path in uncommitted(root, ["."], ignored=False)]
    return f"`{changed[0]}` has a change that is not committed" if changed else ""


@contextmanager
def _work_tree(root: Path) -> Iterator[Path]:
    """The fleet as it was committed last, in a place of its own."""
    prefix = git(["rev-parse", "--show-prefix"], root).decode().strip()
    with TemporaryDirectory(prefix="fleetgen-copier-") as name:
        tree = Path(name).resolve() / "tree"
        git([*_QUIETLY, "worktree", "add", "--quiet", "--detach", tree, "HEAD"], root)
        try:
            yield tree / prefix
        finally:
            run(["worktree", "remove", "--force", tree], root)


def _commit(folder: Path) -> None:
    git([*_QUIETLY, "add", "--all"], folder)
    git([*_QUIETLY, *_COMMIT], folder)


def _snapshot(folder: Path) -> dict[str, File]:
    """Every plain file, ignored ones too."""
    found = {}
    for place_, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = Path(place_, name)
            file = read(path)
            if isinstance(file, File) and name != ".git":
                found[path.relative_to(folder).as_posix()] = file
    return found


def _unmerged(folder: Path) -> bytes:
    """The index entries of conflicts in the form that `git update-index -z --index-info` takes, old entry removed."""
    stages = b""
    seen = set()
    for line in git(["ls-files", "--unmerged", "--full-name", "-z", "."], folder).split(b"\0"):
        if not line:
            continue
        path = line.split(b"\t", 1)[1]
        if path not in seen:
            seen.add(path)
            stages += b"0 " + b"0" * 40 + b"\t" + path + b"\0"
        stages += line + b"\0"
    return stages


def _hidden(disk: Disk, changed: Iterable[str], before: Mapping[str, File]) -> Iterator[Diagnostic]:
    """A file that git ignores is not in a commit, so copier there did not see it, and must not overwrite it here."""
    for path in changed:
        if path not in before and disk.look(path) is not None:
            yield findings.blocked(path, "a file that git ignores lies there")


def _action(entry: Entry | None, path: str, before: File | None, after: File | None) -> Action:
    line = conflict_line(after.content) if after else 0
    if after is None:
        kind = Kind.DELETE
    elif before is None:
        kind = Kind.ADD
    elif line:
        kind = Kind.CONFLICT
    else:
        kind = Kind.CHANGE if entry and after.stamp == entry.wanted else Kind.MERGE
    return Action(kind, path, owner_of(path), before.stamp if before else None, after, line)


def _gives_up(entry: Entry | None, action: Action) -> bool:
    """Whether a file that carried an edit is now what the templates say, or gone."""
    if entry is None or action.before in {None, entry.base} or action.path.endswith(ANSWERS):
        return False
    return action.after is None or action.after.stamp == entry.wanted
