"""Brings a fleet to a newer release of the templates, all its projects in one process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fleetgen.core.diagnostic import Diagnostic, has_errors
from fleetgen.evolve import findings, journal
from fleetgen.evolve.actions import Action, Kind, Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.desired import Desired
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.evolve.lock import read as read_lock
from fleetgen.evolve.ownership import BUNDLE, LOCK, Owner
from fleetgen.evolve.plan import plan
from fleetgen.evolve.releases import Releases
from fleetgen.render.bundle import versions
from fleetgen.render.files import File
from fleetgen.render.git import GitError
from fleetgen.render.templates import Templates

Diagnostics = tuple[Diagnostic, ...]


def update(
    root: Path, desired: Desired, templates: Templates, *, overwrite: Iterable[str] = (), strict: bool = False
) -> tuple[Plan | None, Diagnostics]:
    """Plan the way to a release: three-way per file, from the recorded answers and release. `apply` carries it out.

    `strict` gives what copier's own command gives, edits that it loses included.
    """
    return plan(root, replace(desired, templates=templates), overwrite=overwrite, update=True, strict=strict)


def pull_templates(root: Path, templates: Templates) -> tuple[str | None, Diagnostics]:
    """Append a release to the fleet's bundle and touch nothing else; the version, or nothing when it is there already.

    After this a plain `copier update` finds it.
    """
    if has_errors(found := journal.recover(root)):
        return None, found
    disk = Disk(root)
    if disk.look(LOCK) is None:
        return None, (findings.not_a_fleet(str(root)),)
    current = disk.look(BUNDLE)
    if isinstance(current, Blocked):
        return None, (findings.blocked(BUNDLE, current.reason),)
    try:
        content = Releases(current.content if current else None, templates).complete(templates.version)
    except GitError as error:
        return None, (findings.unreadable(BUNDLE, str(error)),)
    if content is None:
        return None, ()
    action = Action(
        Kind.CHANGE if current else Kind.ADD, BUNDLE, Owner.FLEETGEN, current.stamp if current else None, File(content)
    )
    found = apply(Plan(root, (action,)))
    return None if has_errors(found) else templates.version, found


def releases(root: Path) -> tuple[str, ...]:
    """The releases in the fleet's bundle, oldest first; none where there is no bundle that can be read."""
    found = Disk(root).look(BUNDLE)
    try:
        return versions(found.content) if isinstance(found, File) else ()
    except GitError:
        return ()


def used_templates(root: Path, carried: Templates) -> tuple[Templates | None, Diagnostics]:
    """The release the fleet uses: what files that need the whole fleet's facts are to be rendered with."""
    if has_errors(found := journal.recover(root)):  # an interrupted update may have been about to change it
        return None, found
    disk = Disk(root)
    lock_file, bundle_file = disk.look(LOCK), disk.look(BUNDLE)
    if not isinstance(lock_file, File):
        return carried, ()
    try:
        version = read_lock(lock_file.content).version
    except ValueError as error:
        return None, (findings.unreadable(LOCK, str(error)),)
    try:
        bundle = bundle_file.content if isinstance(bundle_file, File) else None
        return Releases(bundle, carried).get(version), ()
    except GitError as error:
        return None, (findings.unreadable(BUNDLE, str(error)),)
