"""The templates of a fleet as a git bundle: one commit and one tag a release, same input same bytes.

Copier reads the bundle as the template's repository, so that a fleet can be updated without fleetgen and offline.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version

from fleetgen.render.files import EXECUTABLE, PLAIN, File
from fleetgen.render.git import GitError, git

_AUTHOR = "fleetgen <fleetgen@localhost> 946684800 +0000"
_TAG = re.compile(rb"^([0-9a-f]{40,64}) refs/tags/v(.+)$")
_BRANCH = "refs/heads/main"


def versions(bundle: bytes) -> tuple[str, ...]:
    """The releases in a bundle, oldest first."""
    return tuple(sorted(_tags(bundle), key=Version))


def append(bundle: bytes | None, version: str, files: Mapping[str, File]) -> bytes:
    """The bundle with one more release; without a bundle, the first one."""
    known = _tags(bundle) if bundle else {}
    if version in known:
        raise GitError(f"the bundle holds v{version} already")
    with TemporaryDirectory(prefix="fleetgen-bundle-") as folder:
        repository = _repository(Path(folder), bundle)
        for tag, commit in known.items():
            git(["update-ref", f"refs/tags/v{tag}", commit], repository, apart=True)
        newest = known[max(known, key=Version)] if known else ""
        git(["fast-import", "--quiet"], repository, data=b"".join(_stream(version, files, newest)), apart=True)
        tags = [f"refs/tags/v{tag}" for tag in sorted((*known, version), key=Version)]
        created = repository / "new.bundle"
        packing = ("-c", "pack.threads=1", "-c", "pack.compression=9")
        git([*packing, "bundle", "create", "--quiet", created, "HEAD", _BRANCH, *tags], repository, apart=True)
        return created.read_bytes()


def read(bundle: bytes, version: str) -> dict[str, File]:
    """The files of one release."""
    known = _tags(bundle)
    if version not in known:
        raise GitError(f"the bundle does not hold v{version}")
    with TemporaryDirectory(prefix="fleetgen-bundle-") as folder:
        return tree(_repository(Path(folder), bundle), known[version])


def tree(repository: Path, commit: str) -> dict[str, File]:
    """The files of a commit.

    Raises:
        GitError: When it holds anything but plain files.
    """
    listing = git(["ls-tree", "-r", "-z", "--full-tree", commit], repository, apart=True)
    entries = [_entry(line) for line in listing.split(b"\0") if line]
    wanted = "".join(f"{blob}\n" for _, _, blob in entries).encode()
    blobs = _blobs(git(["cat-file", "--batch"], repository, data=wanted, apart=True))
    return {path: File(content, mode) for (path, mode, _), content in zip(entries, blobs, strict=True)}


def _tags(bundle: bytes) -> dict[str, str]:
    """Version -> commit, from the header alone. Tags that are no versions are not ours."""
    header, separator, _ = bundle.partition(b"\n\n")
    if not separator or not header.startswith(b"# v"):
        raise GitError("not a git bundle")
    found = {}
    for line in header.split(b"\n"):
        if match := _TAG.match(line):
            name = match[2].decode()
            if _is_version(name):
                found[name] = match[1].decode()
    return found


def _is_version(name: str) -> bool:
    try:
        Version(name)
    except InvalidVersion:
        return False
    return True


def _repository(folder: Path, bundle: bytes | None) -> Path:
    """A bare repository, laid out by hand (`git init` would copy the machine's template), with a bundle's objects."""
    (folder / "objects").mkdir()
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text(f"ref: {_BRANCH}\n")
    if bundle:
        source = folder / "old.bundle"
        source.write_bytes(bundle)
        git(["bundle", "unbundle", source], folder, apart=True)
    return folder


def _entry(line: bytes) -> tuple[str, int, str]:
    meta, path = line.split(b"\t", 1)
    mode, kind, blob = meta.decode().split()
    if kind != "blob" or mode not in {"100644", "100755"}:
        raise GitError(f"the bundle holds `{path.decode()}`, which is not a plain file")
    return path.decode(), EXECUTABLE if mode == "100755" else PLAIN, blob


def _blobs(batch: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(batch):
        end = batch.index(b"\n", position)
        size = int(batch[position:end].rsplit(b" ", 1)[1])
        yield batch[end + 1 : end + 1 + size]
        position = end + 2 + size


def _stream(version: str, files: Mapping[str, File], parent: str) -> Iterator[bytes]:
    """The release as input of `git fast-import`; author and date are fixed, so that the commit's id is too."""
    for mark, path in enumerate(sorted(files), start=1):
        content = files[path].content
        yield b"blob\nmark :%d\ndata %d\n" % (mark, len(content)) + content + b"\n"
    message = f"templates v{version}\n".encode()
    yield f"commit {_BRANCH}\nmark :{len(files) + 1}\nauthor {_AUTHOR}\ncommitter {_AUTHOR}\n".encode()
    yield b"data %d\n" % len(message) + message
    if parent:
        yield f"from {parent}\n".encode()
    yield b"deleteall\n"
    for mark, path in enumerate(sorted(files), start=1):
        mode = "100755" if files[path].executable else "100644"
        quoted = path.replace("\\", "\\\\").replace('"', '\\"')
        yield f'M {mode} :{mark} "{quoted}"\n'.encode()
    yield f"reset refs/tags/v{version}\nfrom :{len(files) + 1}\n\n".encode()
