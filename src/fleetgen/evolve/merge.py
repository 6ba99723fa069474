"""Merges an edit with a change of the templates, with copier's tool, labels and results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fleetgen.render.files import EXECUTABLE, PLAIN, File
from fleetgen.render.git import GitError, run

_BEFORE, _LAST, _AFTER = "before updating", "last update", "after updating"
_MARKERS = (f"<<<<<<< {_BEFORE}".encode(), f">>>>>>> {_AFTER}".encode())
_NOT_MERGEABLE = 255


class Unmergeable(Exception):
    """The files are not text: there is nothing to merge line by line."""


@dataclass(frozen=True)
class Merged:
    """The result, and the line of the first conflict, 0 when there is none."""

    file: File
    conflict: int = 0


def merge(current: File, base: File | None, wanted: File, repository: Path) -> Merged:
    """Bring the change from `base` to `wanted` into `current`. Without a base, both added the same path.

    Raises:
        Unmergeable: For binary files that both sides changed.
    """
    base = base or File(b"", current.mode)
    mode = wanted.executable if current.executable == base.executable else current.executable
    content = _content(current.content, base.content, wanted.content, repository)
    return Merged(File(content, EXECUTABLE if mode else PLAIN), conflict_line(content))


def conflict_line(content: bytes) -> int:
    """The line of the first conflict marker, 0 without one."""
    if _MARKERS[0] not in content and _MARKERS[1] not in content:
        return 0
    numbered = enumerate(content.splitlines(), start=1)
    return next((number for number, line in numbered if line.rstrip() in _MARKERS), 0)


def _content(current: bytes, base: bytes, wanted: bytes, repository: Path) -> bytes:
    if wanted in (base, current):
        return current
    if current == base:
        return wanted
    with TemporaryDirectory(prefix="fleetgen-merge-") as name:
        folder = Path(name)
        paths = [folder / side for side in ("current", "base", "wanted")]
        for path, content in zip(paths, (current, base, wanted), strict=True):
            path.write_bytes(content)
        labels = ("-L", _BEFORE, "-L", _LAST, "-L", _AFTER)
        # In the user's repository, as copier does: `merge.conflictStyle` is the user's choice.
        result = run(["merge-file", "-p", *labels, "--", *paths], repository)
    if result.returncode >= _NOT_MERGEABLE or result.returncode < 0:
        if b"binary" in result.stderr:
            raise Unmergeable
        raise GitError(f"git merge-file: {result.stderr.decode(errors='replace').strip()}")
    return result.stdout
