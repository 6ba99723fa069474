"""`fleet.lock`: what was rendered last, so that a person's edit can be told from a template's change.

It holds the release of the templates, the digest of the specification, and per file the owner and digest of what was
rendered (not of what is on disk). No times, no machine: same fleet, same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from packaging.version import Version

from fleetgen.core.json_text import indented
from fleetgen.evolve.desired import place
from fleetgen.evolve.disk import inside
from fleetgen.evolve.ownership import Owner, owner_of
from fleetgen.render.files import Stamp

_FORMAT = 1
_ABOUT = (
    "Written by fleetgen, do not edit. Digests of what was rendered: they tell an edit from a change of the templates."
)


@dataclass(frozen=True)
class Rendered:
    """What a project was rendered to: the template, the digest of its answers file, the files."""

    template: str
    answers: str
    files: Mapping[str, Stamp]


@dataclass(frozen=True)
class Lock:
    """The whole lock."""

    version: str
    digest: str
    specification: str = ""
    projects: Mapping[str, Rendered] = field(default_factory=dict)
    extra: Mapping[str, Stamp] = field(default_factory=dict)
    ejected: Mapping[str, Stamp] = field(default_factory=dict)  # what fleetgen would have written when it was noted

    def write(self) -> bytes:
        """The lock as a file."""
        document = {
            "about": _ABOUT,
            "format": _FORMAT,
            "templates": {"version": self.version, "digest": self.digest},
            "specification": self.specification,
            "projects": {path: _project(path, rendered) for path, rendered in sorted(self.projects.items())},
            "fleet": _files(".", self.extra, {Owner.FLEETGEN: "fleetgen", Owner.USER: "fleetgen"}),
        }
        if self.ejected:
            document["ejected"] = {path: _stamp("user", stamp) for path, stamp in sorted(self.ejected.items())}
        return (indented(document) + "\n").encode()


@lru_cache(maxsize=2)
def read(content: bytes) -> Lock:
    """Read a lock. One command asks for the same one many times over, and it names every file of the fleet.

    Raises:
        ValueError: When it is not one: edited, or in the middle of a merge.
    """
    try:
        document = json.loads(content)
        if document["format"] != _FORMAT:
            raise ValueError(f"format {document['format']} is unknown to this fleetgen")
        version = str(document["templates"]["version"])
        Version(version)
        return Lock(
            version=version,
            digest=str(document["templates"]["digest"]),
            specification=str(document["specification"]),
            projects={
                _inside(path): Rendered(entry["template"], entry["answers"], _stamps(entry["files"]))
                for path, entry in document["projects"].items()
            },
            extra=_stamps(document["fleet"]),
            ejected=_stamps(document.get("ejected", {})),
        )
    except (KeyError, TypeError, AttributeError, IndexError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is not a lock of fleetgen ({error})") from error


def _inside(path: str) -> str:
    """The lock comes with a clone, from anybody: it may not speak of files that are not the fleet's."""
    if not inside(path):
        raise ValueError(f"`{path}` is not a path in the fleet")
    return path


def _project(path: str, rendered: Rendered) -> dict[str, Any]:
    names = {owner: owner.value for owner in Owner}
    return {"template": rendered.template, "answers": rendered.answers, "files": _files(path, rendered.files, names)}


def _files(project: str, stamps: Mapping[str, Stamp], names: Mapping[Owner, str]) -> dict[str, str]:
    return {path: _stamp(names[owner_of(place(project, path))], stamp) for path, stamp in sorted(stamps.items())}


def _stamp(owner: str, stamp: Stamp) -> str:
    return f"{owner} {stamp.sha256}{' executable' if stamp.executable else ''}"


def _stamps(entries: Mapping[str, str]) -> dict[str, Stamp]:
    stamps = {}
    for path, entry in entries.items():
        _, digest, *executable = entry.split(" ")
        stamps[_inside(path)] = Stamp(digest, bool(executable))
    return stamps
