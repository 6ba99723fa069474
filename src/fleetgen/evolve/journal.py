"""Writes many files as if at once.

All new content is staged below `.fleetgen/apply/`; then a journal is put in place by one rename: that is the commit.
From there on every step can be repeated: staged files are renamed to their places, deleted ones removed. Whoever comes
next after a crash (`recover`) completes what was committed and throws away what was not.

The steps are single calls of `os`, so that a test can kill the process at each of them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fleetgen.core.diagnostic import Diagnostic
from fleetgen.evolve import findings
from fleetgen.evolve.actions import Action
from fleetgen.evolve.disk import Blocked, Disk, inside
from fleetgen.render.files import File, Stamp

try:
    import fcntl
except ImportError:  # a system without advisory locks
    fcntl = None  # type: ignore[assignment]

_FOLDER = ".fleetgen/apply"
_JOURNAL = f"{_FOLDER}/journal.json"
_DAMAGED = f"its journal is damaged; remove `{_FOLDER}` to give it up"


class Interrupted(Exception):
    """The journal cannot be carried out without losing an edit; the text is the path."""


class Busy(Exception):
    """Another process holds the fleet."""


@dataclass(frozen=True)
class _Step:
    """One path of the journal. `staged` names the file with the new content, or nothing for a deletion."""

    path: str
    staged: str
    before: Stamp | None
    after: Stamp | None


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """Hold the fleet; the lock dies with the process.

    Raises:
        Busy: When somebody else holds it.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy from error
        yield
    finally:
        os.close(descriptor)


def recover(root: Path) -> tuple[Diagnostic, ...]:
    """Bring a tree that a crash left in between to its old or its new state. Cheap when there is nothing to do."""
    if not (root / _FOLDER).is_dir() or isinstance(Disk(root).look(_JOURNAL), Blocked):
        return ()
    try:
        with exclusive(root):
            _finish(root)
    except Busy:
        return (findings.busy(),)
    except Interrupted as error:
        return (findings.interrupted(str(error)),)
    except OSError as error:
        return (findings.failed("an interrupted apply cannot be completed", str(error)),)
    return ()


def write(root: Path, actions: Iterable[Action]) -> None:
    """Carry out all actions, or none. The caller holds the fleet and has recovered it."""
    if isinstance(obstacle := Disk(root).look(_JOURNAL), Blocked):
        raise OSError(obstacle.reason)
    steps = []
    _make_folder(root / _FOLDER)
    _create(root / _FOLDER / ".gitignore", File(b"*\n"))
    for number, action in enumerate(actions):
        staged = f"{_FOLDER}/{number}" if action.after else ""
        if action.after:
            _create(root / staged, action.after)
        steps.append(_Step(action.path, staged, action.before, action.after.stamp if action.after else None))
    _create(root / f"{_JOURNAL}.partial", File(_dump(steps)))
    os.replace(root / f"{_JOURNAL}.partial", root / _JOURNAL)  # noqa: PTH105 - one call of `os`
    _sync(root / _FOLDER)
    _finish(root)


def create(root: Path, files: Mapping[str, File]) -> None:
    """Write new files in a new place, without the cost of durability."""
    folders: set[str] = set()
    for path, file in files.items():
        full = f"{root}/{path}"
        folder = full.rpartition("/")[0]
        if folder not in folders:
            _make_folder(folder)
            folders.add(folder)
        _create(full, file, durable=False)


def _finish(root: Path) -> None:
    """Complete what the journal says, if there is one, and clean up. May be repeated at any point."""
    journal = root / _JOURNAL
    if journal.is_file():
        steps = _load(journal.read_bytes())
        disk = Disk(root)
        for step in steps:
            _check(disk, step)
        for step in sorted(steps, key=lambda step: bool(step.staged)):  # deletions first: they make room
            _carry_out(root, step)
        os.unlink(journal)  # noqa: PTH108
    shutil.rmtree(root / _FOLDER)
    with suppress(OSError):
        os.rmdir(root / ".fleetgen")  # noqa: PTH106 - only if it is empty, thus was not there before


def _check(disk: Disk, step: _Step) -> None:
    """An edit made between the crash and now is not overwritten."""
    found = disk.look(step.path)
    if isinstance(found, Blocked):
        raise Interrupted(step.path)
    if (found.stamp if found else None) not in (step.before, step.after):
        raise Interrupted(step.path)


def _carry_out(root: Path, step: _Step) -> None:
    target = root / step.path
    if step.staged:
        _make_folder(target.parent)
        with suppress(FileNotFoundError):  # renamed before the crash
            os.replace(root / step.staged, target)  # noqa: PTH105
        return
    with suppress(FileNotFoundError):
        os.unlink(target)  # noqa: PTH108
    for folder in PurePosixPath(step.path).parents[:-1]:
        try:
            os.rmdir(root / folder)  # noqa: PTH106
        except FileNotFoundError:  # removed before the crash
            continue
        except OSError:
            break


def _make_folder(path: str | Path) -> None:
    os.makedirs(path, exist_ok=True)  # noqa: PTH103


def _create(path: str | Path, file: File, *, durable: bool = True) -> None:
    """The umask decides who may read; a leftover of the same name is an error, a link is never followed."""
    mode = 0o777 if file.executable else 0o666
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)
    try:
        view = memoryview(file.content)
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dump(steps: Iterable[_Step]) -> bytes:
    return json.dumps([[step.path, step.staged, _plain(step.before), _plain(step.after)] for step in steps]).encode()


def _plain(stamp: Stamp | None) -> list[str | bool] | None:
    return [stamp.sha256, stamp.executable] if stamp else None


def _load(content: bytes) -> list[_Step]:
    """The journal, which in a cloned repository may be anybody's: it moves files inside the tree only."""
    try:
        found = json.loads(content)
        steps = [
            _Step(str(path), str(staged), Stamp(*before) if before else None, Stamp(*after) if after else None)
            for path, staged, before, after in found
        ]
    except (ValueError, TypeError, RecursionError) as error:
        raise OSError(_DAMAGED) from error
    if not all(inside(step.path) and _is_staged(step.staged) for step in steps):
        raise OSError(_DAMAGED)
    return steps


def _is_staged(path: str) -> bool:
    return not path or (path.startswith(f"{_FOLDER}/") and path.removeprefix(f"{_FOLDER}/").isdigit())
