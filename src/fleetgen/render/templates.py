"""The tree of templates as copier sees it: `copier.yml` at the root, `blueprints/` and `service-templates/` below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version as installed_version
from pathlib import Path

from fleetgen.core.resources import resources
from fleetgen.render import bundle as bundles
from fleetgen.render.files import File, Tree

_FOLDERS = ("blueprints", "service-templates")
_CONFIGURATION = "service-templates/copier.yml"
_SUITE = "conformance"
# Left behind by tools that run on the templates in a checkout; never part of a release.
LITTER = frozenset({
    "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache", ".venv",
    ".git", ".DS_Store", ".coverage",
})  # fmt: skip


class TemplatesError(Exception):
    """The templates themselves are wrong: never the user's mistake."""


@dataclass(frozen=True, eq=False)
class Templates:
    """One release of the templates: a version and the files of the tree, in memory."""

    version: str
    files: Tree

    @property
    def tag(self) -> str:
        """How the release is called in the bundle and in recorded answers."""
        return f"v{self.version}"

    @cached_property
    def digest(self) -> str:
        """Identifies the content, whatever the version says."""
        total = sha256()
        for path in sorted(self.files):
            stamp = self.files[path].stamp
            total.update(f"{path}\0{stamp.sha256}\0{stamp.executable}\n".encode())
        return total.hexdigest()

    def bundle(self, onto: bytes | None = None) -> bytes:
        """A git bundle of this release, after the releases of the bundle `onto`."""
        return bundles.append(onto, self.version, self.files)


def installed() -> Templates:
    """The templates this fleetgen carries, under its own version: one release of fleetgen is one of the templates."""
    return from_folder(resources(), installed_version("fleetgen"))


def from_folder(folder: Path, version: str) -> Templates:
    """The templates in a folder that holds `blueprints/` and `service-templates/`."""
    found = (path for name in _FOLDERS for path in _walk(folder / name))
    files = {path.relative_to(folder).as_posix(): _load(path) for path in found if not _is_of_suite(path, folder)}
    if _CONFIGURATION not in files:
        raise TemplatesError(f"{folder / _CONFIGURATION} is missing")
    files["copier.yml"] = files.pop(_CONFIGURATION)
    return Templates(version, dict(sorted(files.items())))


def from_bundle(bundle: bytes, version: str) -> Templates:
    """A release out of a fleet's bundle."""
    return Templates(version, bundles.read(bundle, version))


def _is_of_suite(path: Path, folder: Path) -> bool:
    """Whether a file belongs to the conformance suite, which lies beside the templates and is no part of a fleet."""
    return _SUITE in path.relative_to(folder).parts[1:3]


def _walk(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.name in LITTER or path.suffix in {".pyc", ".egg-info"}:
            continue
        if path.is_symlink():
            raise TemplatesError(f"{path} is a symbolic link; templates hold plain files only")
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _load(path: Path) -> File:
    return File(path.read_bytes(), path.stat().st_mode)
