"""Writes a new fleet beside its place and moves it there whole; on an error nothing is left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from fleetgen.core.diagnostic import Diagnostic, has_errors
from fleetgen.evolve import findings, journal
from fleetgen.evolve.desired import Desired
from fleetgen.evolve.plan import plan
from fleetgen.render.files import File
from fleetgen.render.git import GitError, git, run

_IDENTITY = ("-c", "user.name=fleetgen", "-c", "user.email=fleetgen@localhost")


def create(folder: Path, desired: Desired, seeds: Mapping[str, File] | None = None) -> tuple[Diagnostic, ...]:
    """Write a fleet into `folder`, which is absent or empty, with `seeds` beside it: files that are a person's at once.

    Outside a repository it becomes one, with a first commit.
    """

    def fill(beside: Path) -> tuple[Diagnostic, ...]:
        diagnostics = _write(beside, desired, seeds or {})
        if not has_errors(diagnostics):
            beside.chmod(0o777 & ~_umask())
            _commit(beside)
        return diagnostics

    return _whole(folder.absolute(), fill)


def write_folder(folder: Path, files: Mapping[str, File]) -> tuple[Diagnostic, ...]:
    """Write files into `folder`, which is absent or empty."""

    def fill(beside: Path) -> tuple[Diagnostic, ...]:
        journal.create(beside, dict(sorted(files.items())))
        beside.chmod(0o777 & ~_umask())
        return ()

    return _whole(folder.absolute(), fill)


def _whole(folder: Path, fill: Callable[[Path], tuple[Diagnostic, ...]]) -> tuple[Diagnostic, ...]:
    """Fill a folder beside `folder` and move it there, unless that finds an error."""
    if obstacle := occupied(folder):
        return (findings.occupied(str(folder), obstacle),)
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        _take_back(made)
        return (findings.failed(f"`{folder}` cannot be written", str(error)),)
    try:
        diagnostics = fill(beside)
        if not has_errors(diagnostics):
            os.replace(beside, folder)  # noqa: PTH105 - also onto an empty folder
        return diagnostics
    except (OSError, GitError) as error:
        return (findings.failed(f"`{folder}` cannot be written", str(error)),)
    finally:
        if beside.exists():
            shutil.rmtree(beside)
            _take_back(made)


def _take_back(folders: Iterable[Path]) -> None:
    """Remove the folders above that were made for the fleet, innermost first, unless something lies in them by now."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def occupied(folder: Path) -> str:
    """What is in the way of a new fleet at `folder`, in words; nothing where it can be written."""
    if folder.is_symlink():
        return "is a symbolic link"
    if folder.exists() and not folder.is_dir():
        return "is a file"
    if folder.is_dir() and any(folder.iterdir()):
        return "is not empty"
    return ""


def _write(beside: Path, desired: Desired, seeds: Mapping[str, File]) -> tuple[Diagnostic, ...]:
    made, diagnostics = plan(beside, desired)
    if made is None:
        return diagnostics
    files = {action.path: action.after for action in (*made.actions, *made.bookkeeping)}
    if twice := sorted(files.keys() & seeds.keys()):
        return (*diagnostics, *map(findings.two_sources, twice))
    journal.create(beside, {path: file for path, file in sorted({**files, **seeds}.items()) if file is not None})
    return diagnostics


def _commit(folder: Path) -> None:
    """The first commit, under the user's own name where git knows it."""
    if run(["rev-parse", "--is-inside-work-tree"], folder).stdout.strip() == b"true":
        return
    git(["-c", "init.defaultBranch=main", "init", "--quiet"], folder)
    git(["add", "--all", "--force", "."], folder)
    known = "GIT_AUTHOR_EMAIL" in os.environ or run(["config", "user.email"], folder).stdout.strip()
    identity = () if known else _IDENTITY
    git([*identity, "commit", "--quiet", "--no-verify", "--no-gpg-sign", "--message", "A new fleet"], folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
