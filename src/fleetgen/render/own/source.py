"""Reads a template from where a person has it: a folder, a git repository by address, a git bundle. Runs nothing of it.

A folder is taken as it lies there. A repository or bundle is fetched bare, so that no hook, filter or submodule of it
is ever active, and read at its newest version tag, as copier does, or at the revision that was asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version

from fleetgen.core.diagnostic import Diagnostic, Span
from fleetgen.core.resources import LITTER
from fleetgen.render.bundle import tree
from fleetgen.render.files import File, Tree
from fleetgen.render.git import GitError, git
from fleetgen.render.own import findings

# Addresses may name a program to run (`ext::`); these may not.
_SAFELY = {"GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "GIT_TERMINAL_PROMPT": "0"}
_ADDRESS = re.compile(r"(?:[a-z][a-z+]*://|git@|[\w.-]+@[\w.-]+:)", re.IGNORECASE)
_NO_PROGRAMS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_LIMIT = 50_000_000  # bytes; a template that is larger is not one


@dataclass(frozen=True)
class Fetched:
    """The files of a template, and the version that its author gave them, where there is one."""

    name: str  # as a person would recognise it, to begin places with
    files: Tree
    version: str = ""

    def span(self, path: str, line: int = 1) -> Span:
        """A place in the template."""
        return Span(f"{self.name}/{path}", line)


class _Refused(Exception):
    """It cannot be read; carries the reason."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def fetch(source: str, *, directory: str = "", ref: str = "") -> tuple[Fetched | None, tuple[Diagnostic, ...]]:
    """The template at `source`, in its folder `directory`; with `ref`, at that tag, branch or commit."""
    try:
        found = _from_folder(source) if _is_folder(source) and not ref else _from_git(source, ref)
        return _part(found, directory), ()
    except _Refused as refused:
        return None, (refused.diagnostic,)
    except (GitError, OSError) as error:
        hint = "name a folder, a git address, or a git bundle"
        return None, (findings.unreadable(source, _plain(str(error)), hint),)


def _is_folder(source: str) -> bool:
    """Whether files lie there as they are; a bare repository is read as one from elsewhere."""
    place = Path(source)
    bare = (place / "HEAD").is_file() and (place / "objects").is_dir() and (place / "refs").is_dir()
    return not _ADDRESS.match(source) and place.is_dir() and not bare


def _plain(text: str) -> str:
    return " ".join(text.split())


def _part(found: Fetched, directory: str) -> Fetched:
    parts = PurePosixPath(directory).parts
    if not parts:
        return found
    prefix = "/".join(parts) + "/"
    files = {path.removeprefix(prefix): file for path, file in found.files.items() if path.startswith(prefix)}
    if not files:
        raise _Refused(findings.unreadable(found.name, f"it has no folder `{directory}`"))
    return Fetched(f"{found.name}/{'/'.join(parts)}", files, found.version)


# -- folders


def _from_folder(source: str) -> Fetched:
    root = Path(source)
    files: dict[str, File] = {}
    size = 0
    for path in sorted(_listed(root)):
        found = root / path
        if _through_link(root, path):
            raise _Refused(_linked(Span(f"{source.rstrip('/')}/{path}")))
        if not found.is_file():
            continue
        size += found.stat().st_size
        if size > _LIMIT:
            raise _Refused(_too_large(source))
        files[path] = File(found.read_bytes(), found.stat().st_mode)
    return Fetched(source.rstrip("/") or source, files)


def _listed(root: Path) -> Iterator[str]:
    """What git knows or would add, where the folder is a repository's root; else all but what tools leave behind."""
    if (root / ".git").exists():
        listing = [*_NO_PROGRAMS, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        yield from (name.decode() for name in set(git(listing, root, apart=True).split(b"\0")) if name)
        return
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in LITTER]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        for name in (*names, *links):
            if name not in LITTER:
                yield Path(folder, name).relative_to(root).as_posix()


def _through_link(root: Path, path: str) -> bool:
    place = root
    for part in PurePosixPath(path).parts:
        place /= part
        if place.is_symlink():
            return True
    return False


def _linked(place: Span) -> Diagnostic:
    return findings.leaves_tree(place, "the template holds a symbolic link", "put the file itself there")


def _too_large(source: str) -> Diagnostic:
    reason = f"it is larger than {_LIMIT // 1_000_000} MB"
    return findings.unreadable(source, reason, "name the template's own folder with `--directory`")


# -- git


def _from_git(source: str, ref: str) -> Fetched:
    address = source if _ADDRESS.match(source) else str(Path(source).absolute())
    with TemporaryDirectory(prefix="fleetgen-template-") as folder:
        repository = Path(folder) / "repository.git"
        clone: list[str | Path] = ["clone", "--bare", "--quiet", "--no-local", "--template=", "--", address, repository]
        git([*_NO_PROGRAMS, *clone], Path(folder), environment=_SAFELY)
        tag = "" if ref else _newest(repository)
        commit = _commit(repository, source, ref or (f"refs/tags/{tag}" if tag else "HEAD"))
        name = _shown(source)
        _check_entries(repository, commit, name)
        files = tree(repository, commit)
    named = ref if not tag and _version(ref) else tag
    return Fetched(name, files, named.removeprefix("v"))


def _shown(source: str) -> str:
    """The address without what may be secret in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", source).rstrip("/")


def _newest(repository: Path) -> str:
    tags = git(["tag", "--list"], repository, apart=True).decode().split()
    known = {tag: version for tag in tags if (version := _version(tag)) and not version.is_prerelease}
    return max(known, key=lambda tag: (known[tag], tag)) if known else ""


def _version(tag: str) -> Version | None:
    try:
        return Version(tag)
    except InvalidVersion:
        return None


def _commit(repository: Path, source: str, ref: str) -> str:
    try:
        found = git(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"], repository, apart=True
        )
    except GitError as error:
        hint = "name a tag, a branch or a commit with `--ref`"
        raise _Refused(findings.unreadable(source, f"it has no revision `{ref}`", hint)) from error
    return found.decode().strip()


def _check_entries(repository: Path, commit: str, name: str) -> None:
    """Only plain files, and not too many bytes of them."""
    size = 0
    listing = git(["ls-tree", "-r", "-z", "-l", "--full-tree", commit], repository, apart=True)
    for line in filter(None, listing.split(b"\0")):
        meta, path = line.split(b"\t", 1)
        mode, _, _, length = meta.decode().split()
        place = Span(f"{name}/{path.decode(errors='replace')}")
        if mode == "120000":
            raise _Refused(_linked(place))
        if mode == "160000":
            what = "the template holds a submodule, which copier would fetch from elsewhere"
            raise _Refused(findings.leaves_tree(place, what, "put the files themselves there"))
        size += int(length)
        if size > _LIMIT:
            raise _Refused(_too_large(name))
