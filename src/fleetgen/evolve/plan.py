"""Compares what a fleet should be with what it is, and says what to do: exactly that is what `apply` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fleetgen.core.diagnostic import Diagnostic, has_errors, ordered
from fleetgen.evolve import findings
from fleetgen.evolve.actions import Action, Kind, Plan
from fleetgen.evolve.changes import Entry, Judge
from fleetgen.evolve.desired import Desired, Project, place
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.evolve.journal import recover
from fleetgen.evolve.lock import Lock, Rendered
from fleetgen.evolve.lock import read as read_lock
from fleetgen.evolve.own import notes
from fleetgen.evolve.ownership import ANSWERS, BUNDLE, LOCK, Owner, owner_of
from fleetgen.evolve.projects import Projects, Rendering, Renderings, Unreadable
from fleetgen.evolve.releases import Releases, newer
from fleetgen.evolve.strict import Copied, by_copier
from fleetgen.render.files import File, Stamp
from fleetgen.render.git import GitError
from fleetgen.render.templates import TemplatesError

Diagnostics = tuple[Diagnostic, ...]


class _Stop(Exception):
    """Nothing can be planned; carries the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(frozen=True)
class _State:
    """What the fleet keeps of itself."""

    disk: Disk
    lock: Lock | None
    lock_file: File | None
    bundle_file: File | None
    releases: Releases
    target: str


def plan(
    root: Path, desired: Desired, *, overwrite: Iterable[str] = (), update: bool = False, strict: bool = False
) -> tuple[Plan | None, Diagnostics]:
    """Plan the way from what is on disk to what is desired, with the release of the templates the fleet uses.

    `overwrite` names generated files whose edits are given up. `update` goes to the desired release,
    with `strict` project by project as copier's own command does.
    """
    if has_errors(found := recover(root)):
        return None, found
    try:
        made, diagnostics = _plan(root, desired, frozenset(overwrite), update, strict)
    except _Stop as stop:
        return None, (stop.diagnostic,)
    except (TemplatesError, Unreadable) as error:
        return None, (findings.not_rendered(".", str(error)),)
    except (GitError, OSError) as error:
        return None, (findings.failed("the tree cannot be compared", str(error)),)
    return made, diagnostics


def _plan(
    root: Path, desired: Desired, overwrite: frozenset[str], update: bool, strict: bool
) -> tuple[Plan | None, Diagnostics]:
    state = _state(root, desired, update)
    entries, projects, doubles = _entries(state, desired, update)
    judge = Judge(state.disk, overwrite)
    release = state.releases.get(state.target)
    copied = by_copier(state.disk, desired, entries, release, state.releases.complete) if strict else Copied()
    actions = [action for entry in entries if entry.project not in copied.projects and (action := judge.judge(entry))]
    diagnostics = ordered((*doubles, *judge.diagnostics(), *copied.diagnostics, *notes(desired)))
    if has_errors(diagnostics):
        return None, diagnostics
    yours = {entry.path for entry in entries if entry.scaffold}
    noted = state.lock.ejected if state.lock else {}
    lock = Lock(
        state.target,
        release.digest,
        desired.specification,
        projects,
        {path: file.stamp for path, file in desired.extra.items()},
        {path: stamp for path, stamp in noted.items() if path in desired.ejected},
    )
    made = Plan(
        root,
        tuple(sorted((*actions, *copied.actions, *_bundle(state)), key=lambda action: action.path)),
        tuple(_lock(state, lock)),
        tuple(action.path for action in actions if action.kind is Kind.ADD and action.path in yours),
        stages=copied.stages,
    )
    return made, diagnostics


def _state(root: Path, desired: Desired, update: bool) -> _State:
    disk = Disk(root)
    lock_file, bundle_file = _kept(disk, LOCK), _kept(disk, BUNDLE)
    try:
        lock = read_lock(lock_file.content) if lock_file else None
    except ValueError as error:
        raise _Stop(findings.unreadable(LOCK, str(error))) from error
    if update and lock is None:
        raise _Stop(findings.not_a_fleet(str(root)))
    carried = desired.templates
    if lock and newer(lock.version, carried.version):
        raise _Stop(findings.lock_newer(lock.version, carried.version))
    if lock and lock.version == carried.version and lock.digest != carried.digest:
        raise _Stop(findings.other_templates(carried.version))
    try:
        releases = Releases(bundle_file.content if bundle_file else None, carried)
    except GitError as error:
        raise _Stop(findings.unreadable(BUNDLE, str(error))) from error
    target = carried.version if update or lock is None else lock.version
    if target not in releases:
        raise _Stop(findings.unreadable(BUNDLE, f"it is missing, or does not hold v{target}"))
    return _State(disk, lock, lock_file, bundle_file, releases, target)


def _kept(disk: Disk, path: str) -> File | None:
    found = disk.look(path)
    if isinstance(found, Blocked):
        raise _Stop(findings.blocked(path, found.reason))
    return found


def _entries(
    state: _State, desired: Desired, update: bool
) -> tuple[list[Entry], dict[str, Rendered], list[Diagnostic]]:
    """Every path that was or will be rendered; a path with two sources is reported."""
    projects = Projects(state.disk, state.lock, state.releases, state.target, update=update, own=desired.own)
    entries: dict[str, Entry] = {}
    locked: dict[str, Rendered] = {}
    diagnostics: list[Diagnostic] = []
    for project in sorted(desired.projects, key=lambda project: project.path):
        found, rendered = _project(projects, project)
        diagnostics += _take(entries, found)
        locked[project.path] = rendered
    diagnostics += _take(entries, _extra(state.lock, desired.extra))
    for path in sorted(set(state.lock.projects if state.lock else ()) - set(locked)):
        diagnostics += _take(entries, _gone(projects, path))
    return [entries[path] for path in sorted(entries) if path not in desired.ejected], locked, diagnostics


def _take(entries: dict[str, Entry], found: Iterable[Entry]) -> Iterator[Diagnostic]:
    """Add entries; a path may move from one source to another, but not have two."""
    for entry in found:
        other = entries.get(entry.path)
        if other is None:
            entries[entry.path] = entry
        elif other.wanted is not None and entry.wanted is not None:
            yield findings.two_sources(entry.path)
        else:
            then, now = (other, entry) if entry.wanted is not None else (entry, other)
            kept = now if now.base is not None else replace(now, base=then.base, base_file=then.base_file)
            entries[entry.path] = kept


def _project(projects: Projects, project: Project) -> tuple[list[Entry], Rendered]:
    try:
        both = projects.renderings(project)
        paths = sorted({*both.before.stamps, *both.after.stamps})
        entries = [_entry(project.path, path, both) for path in paths]
        return entries, both.lock
    except TemplatesError as error:
        raise _Stop(findings.not_rendered(project.path, str(error))) from error
    except Unreadable as error:
        raise _Stop(findings.unreadable(str(error), "it does not hold answers")) from error


def _gone(projects: Projects, path: str) -> list[Entry]:
    try:
        before = projects.gone(path)
    except (Unreadable, TemplatesError) as error:
        raise _Stop(findings.unreadable(place(path, ANSWERS), str(error))) from error
    both = Renderings(before, Rendering.of({}), Rendered("", "", {}), new=False, once=lambda _: False)
    return [_entry(path, file, both) for file in sorted(before.stamps)]


def _entry(project: str, path: str, both: Renderings) -> Entry:
    full = place(project, path)
    owner = owner_of(full)
    before, after = both.before, both.after
    base, wanted = before.stamps.get(path), after.stamps.get(path)
    return Entry(
        full,
        owner,
        base,
        wanted,
        lambda: before.file(path),
        lambda: after.file(path),
        scaffold=not both.new and owner is Owner.USER and base is None and path.endswith(_CODE),
        project=project,
        once=both.once(path),
    )


# What a person writes; a new README or lock file is no work to do.
_CODE = (".py", ".java", ".go", ".ts", ".erl")


def _extra(lock: Lock | None, files: Mapping[str, File]) -> Iterator[Entry]:
    before: Mapping[str, Stamp] = lock.extra if lock else {}
    for path in sorted({*before, *files}):
        after = files.get(path)
        wanted = after.stamp if after else None
        yield Entry(path, Owner.FLEETGEN, before.get(path), wanted, lambda: None, partial(files.get, path))


def _bundle(state: _State) -> Iterator[Action]:
    content = state.releases.complete(state.target)
    if content is not None:
        before = state.bundle_file.stamp if state.bundle_file else None
        kind = Kind.CHANGE if before else Kind.ADD
        yield Action(kind, BUNDLE, Owner.FLEETGEN, before, File(content))


def _lock(state: _State, lock: Lock) -> Iterator[Action]:
    file = File(lock.write())
    before = state.lock_file.stamp if state.lock_file else None
    if file.stamp != before:
        yield Action(Kind.CHANGE if before else Kind.ADD, LOCK, Owner.FLEETGEN, before, file)
