"""What the monorepo should be: input of every operation here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleetgen.evolve.releases import OwnReleases
from fleetgen.render.files import Tree
from fleetgen.render.templates import Templates


@dataclass(frozen=True)
class Project:
    """A folder with answers of its own: the root (`.`), a chassis or a service (`services/order`)."""

    path: str
    template: str
    answers: Mapping[str, Any]

    def place(self, path: str) -> str:
        """A path of the project as one of the monorepo."""
        return place(self.path, path)


@dataclass(frozen=True)
class Desired:
    """The projects, the files that need the whole fleet's facts, and the templates this fleetgen carries.

    `specification` is the digest of the resolved specification, kept in the lock. `ejected` are paths that were given
    to a person; `given` says of those in no project what would be written there. `own` are the releases of a person's
    own templates by the place of their bundle, which is also what the projects made from them name as their template.
    """

    projects: tuple[Project, ...]
    templates: Templates
    extra: Tree = field(default_factory=dict)
    specification: str = ""
    ejected: frozenset[str] = frozenset()
    given: Tree = field(default_factory=dict)
    own: Mapping[str, OwnReleases] = field(default_factory=dict)


def place(project: str, path: str) -> str:
    """A path inside the project at `project` as one of the monorepo."""
    return path if project == "." else f"{project}/{path}"
