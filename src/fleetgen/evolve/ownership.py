"""Who owns a file: fleetgen overwrites its own, a person's are only merged."""

from __future__ import annotations

from enum import StrEnum

LOCK = "fleet.lock"
BUNDLE = ".fleetgen/templates.bundle"
ANSWERS = ".copier-answers.yml"
_OURS = ("contracts/", "deploy/", "docs/report/", ".fleetgen/")


class Owner(StrEnum):
    """The two owners."""

    FLEETGEN = "fleetgen"
    USER = "user"


def owner_of(path: str) -> Owner:
    """The owner of a path of the monorepo, from its place alone."""
    parts = path.split("/")
    within = parts[2:-1] if parts[0] == "services" else parts[:-1]  # a service may itself be called `gen`
    ours = path.startswith(_OURS) or path == LOCK or parts[-1] == ANSWERS or "gen" in within
    return Owner.FLEETGEN if ours else Owner.USER
