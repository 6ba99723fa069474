"""Finds the data that fleetgen carries: blueprints, service templates, samples.

In a checkout they lie beside `src/`, in a wheel under `fleetgen/_templates/`. Nobody else looks for them.
"""

from __future__ import annotations

from pathlib import Path

# Left behind by tools that run on the templates in a checkout; never part of a release.
LITTER = frozenset({
    "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache", ".venv",
    ".git", ".DS_Store", ".coverage",
})  # fmt: skip
TEMPLATE_FOLDERS = ("blueprints", "service-templates")

_PACKAGE = Path(__file__).resolve().parent.parent


def resources() -> Path:
    """The folder that holds `blueprints/`, `service-templates/` and `samples/`."""
    packed = _PACKAGE / "_templates"
    return packed if packed.is_dir() else _PACKAGE.parent.parent


def carried_folders() -> tuple[Path, ...]:
    """The folders of templates that this fleetgen carries."""
    return tuple(resources() / name for name in TEMPLATE_FOLDERS)


def samples() -> tuple[str, ...]:
    """The names of the fleets to start from."""
    return tuple(sorted(spec.parent.name for spec in (resources() / "samples").glob("*/fleet.yaml")))


def sample(name: str) -> Path | None:
    """The specification of a sample, or nothing when there is no such sample."""
    return resources() / "samples" / name / "fleet.yaml" if name in samples() else None
