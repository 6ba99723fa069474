"""Gives a file of fleetgen's to a person, and takes it back.

It is recorded where copier looks: as the answer `ejected` of the project, which its `_exclude` reads. The lock keeps a
digest of what fleetgen would have written, so that a plan can say when that has changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.evolve import findings
from fleetgen.evolve.actions import Action, Kind, Plan
from fleetgen.evolve.desired import Desired, place
from fleetgen.evolve.disk import Disk, inside
from fleetgen.evolve.lock import Lock, Rendered
from fleetgen.evolve.lock import read as read_lock
from fleetgen.evolve.ownership import ANSWERS, BUNDLE, LOCK, Owner, owner_of
from fleetgen.evolve.recorded import EJECTED, is_migration
from fleetgen.evolve.releases import Releases
from fleetgen.render.answers import load, recorded_version
from fleetgen.render.engine import render
from fleetgen.render.files import File, Tree
from fleetgen.render.templates import Templates

_Result = tuple[Plan | None, tuple[Diagnostic, ...]]
_ROOT = "."
_SCHEMAS = ("contracts/events/", "contracts/commands/")
_PATTERN = re.compile(r"[*?\[\]!#\\\s]")  # what a pattern of `_exclude` would not take literally
_UNREADABLE = "does not hold answers"


class _Refused(Exception):
    """It cannot be done; carries the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.diagnostic = findings.not_ejectable(path, reason)


@dataclass(frozen=True)
class _Place:
    """A file of the fleet: its project, and where in it; files of no project count as the root's."""

    project: str
    path: str

    @property
    def whole(self) -> str:
        return place(self.project, self.path)


def eject(root: Path, path: str, desired: Desired, templates: Templates) -> _Result:
    """Plan to give `path` away; what is ejected already is noted anew, as it would be written now."""
    try:
        lock = _lock(root, path)
        if path in lock.ejected or path in desired.ejected:
            wanted = would_be(desired, templates, path)
            stamp = wanted.stamp if wanted else lock.ejected[path]
            return _lock_alone(root, replace(lock, ejected={**lock.ejected, path: stamp})), ()
        found = _found(lock, path)
        return _recorded(root, lock, found, templates, add=True), ()
    except _Refused as refused:
        return None, (refused.diagnostic,)


def take_back(root: Path, path: str, templates: Templates) -> _Result:
    """Plan to make `path` fleetgen's again; what is in it is kept until `apply --overwrite` writes it."""
    try:
        lock = _lock(root, path)
        if path not in lock.ejected:
            raise _Refused(path, "is not ejected")
        project = max((each for each in lock.projects if _within(path, each)), key=len, default=_ROOT)
        found = _Place(project, PurePosixPath(path).relative_to(project).as_posix())
        return _recorded(root, lock, found, templates, add=False), ()
    except _Refused as refused:
        return None, (refused.diagnostic,)


def behind(root: Path, desired: Desired, templates: Templates) -> tuple[Diagnostic, ...]:
    """The ejected files of which fleetgen would write something else by now than when they were noted."""
    file = Disk(root).look(LOCK)
    if not desired.ejected or not isinstance(file, File):
        return ()
    noted = read_lock(file.content).ejected
    now = {path: would_be(desired, templates, path) for path in sorted(desired.ejected & noted.keys())}
    return tuple(findings.behind(path) for path, file in now.items() if (file.stamp if file else None) != noted[path])


def would_be(desired: Desired, templates: Templates, path: str) -> File | None:
    """What fleetgen would write at an ejected path of a project."""
    for project in desired.projects:
        if project.path != _ROOT and _within(path, project.path):
            if project.template in desired.own:
                return None  # a stack of the fleet's own has files of a person's only
            answers = {name: value for name, value in project.answers.items() if name != EJECTED}
            return render(templates, project.template, answers).get(path.removeprefix(f"{project.path}/"))
    return desired.given.get(path)


def _within(path: str, project: str) -> bool:
    return project == _ROOT or path.startswith(f"{project}/")


def _lock(root: Path, path: str) -> Lock:
    file = Disk(root).look(LOCK)
    if not isinstance(file, File):
        raise _Refused(path, "belongs to no fleet: there is no `fleet.lock`")
    try:
        return read_lock(file.content)
    except ValueError as error:
        raise _Refused(path, f"cannot be ejected: `{LOCK}` cannot be read: {error}") from error


def _found(lock: Lock, path: str) -> _Place:
    if not inside(path) or _PATTERN.search(path):
        raise _Refused(path, "is not a path that can be recorded")
    if path in (LOCK, BUNDLE) or path.endswith(ANSWERS) or is_migration(path):
        raise _Refused(path, "is what fleetgen keeps its own state in")
    if path.startswith(_SCHEMAS):
        raise _Refused(path, "says what services write, which no edit of it changes; change the specification")
    if path in lock.extra:
        return _Place(_ROOT, path)
    for project, rendered in lock.projects.items():
        own = PurePosixPath(path).relative_to(project).as_posix() if _within(path, project) else ""
        if own in rendered.files:
            if owner_of(path) is Owner.USER:
                raise _Refused(path, "is yours already: it is only ever merged")
            return _Place(project, own)
    raise _Refused(path, "is not a file that fleetgen writes")


def _recorded(root: Path, lock: Lock, found: _Place, templates: Templates, *, add: bool) -> Plan:
    """The new answers and the new lock; nothing else changes."""
    name = place(found.project, ANSWERS)
    file = Disk(root).look(name)
    answers = load(file.content) if isinstance(file, File) else None
    if not isinstance(file, File) or not answers or "template" not in answers:
        raise _Refused(name, _UNREADABLE)
    given = {key: value for key, value in answers.items() if not key.startswith("_") and key != "template"}
    listed = {str(each) for each in given.get(EJECTED) or ()} - {found.path}
    given[EJECTED] = sorted({*listed, found.path}) if add else sorted(listed)
    rendered = render(_release(root, file, templates), str(answers["template"]), given)
    written = rendered[ANSWERS]
    action = Action(Kind.CHANGE, name, Owner.FLEETGEN, file.stamp, written)
    made = _lock_alone(root, _noted(lock, found, file, rendered, add=add))
    return replace(made, actions=(action, *made.actions))


def _release(root: Path, answers: File, templates: Templates) -> Templates:
    """The release that the answers speak of: a plain `copier update` may have gone ahead with this project."""
    bundle = Disk(root).look(BUNDLE)
    releases = Releases(bundle.content if isinstance(bundle, File) else None, templates)
    version = recorded_version(answers.content)
    return releases.get(version) if version and version in releases else templates


def _noted(lock: Lock, found: _Place, before: File, now: Tree, *, add: bool) -> Lock:
    """The lock speaks of the new answers only where it spoke of the old ones."""
    project = lock.projects[found.project]
    stamp = lock.extra.get(found.whole) or project.files.get(found.path)
    projects = dict(lock.projects)
    if project.answers == before.stamp.sha256:
        stamps = {path: file.stamp for path, file in now.items()}
        projects[found.project] = Rendered(project.template, now[ANSWERS].stamp.sha256, stamps)
    ejected = {path: old for path, old in lock.ejected.items() if path != found.whole}
    if add and stamp:
        ejected[found.whole] = stamp
    extra = {path: old for path, old in lock.extra.items() if path != found.whole}
    return replace(lock, projects=projects, extra=extra, ejected=ejected)


def _lock_alone(root: Path, lock: Lock) -> Plan:
    file = File(lock.write())
    current = Disk(root).look(LOCK)
    before = current.stamp if isinstance(current, File) else None
    return Plan(root, () if file.stamp == before else (Action(Kind.CHANGE, LOCK, Owner.FLEETGEN, before, file),))
