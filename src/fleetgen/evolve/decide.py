"""What to do with one path, from three versions of it: as rendered last, as wanted, as on disk. Pure."""

from __future__ import annotations

from enum import StrEnum

from fleetgen.evolve.ownership import Owner
from fleetgen.render.files import Stamp


class Verdict(StrEnum):
    """The cases; what a merge ends in is only known afterwards."""

    NOTHING = "nothing"
    ADD = "add"
    CHANGE = "change"
    MERGE = "merge"
    DELETE = "delete"
    KEEP = "keep"  # the templates dropped a file that carries an edit
    EDITED = "edited"  # fleetgen's file carries an edit


def decide(
    owner: Owner, base: Stamp | None, wanted: Stamp | None, current: Stamp | None, *, once: bool = False
) -> Verdict:
    """Decide; `None` is a file that is not there. A file that is given `once` is only ever put where it is missing."""
    if current == wanted or (base is None and wanted is None):
        return Verdict.NOTHING
    if owner is Owner.FLEETGEN:
        return _ours(base, wanted, current)
    if once and wanted is not None:
        return Verdict.ADD if current is None else Verdict.NOTHING
    return _theirs(base, wanted, current)


def _ours(base: Stamp | None, wanted: Stamp | None, current: Stamp | None) -> Verdict:
    if current is None:
        return Verdict.ADD
    if current != base:
        return Verdict.EDITED
    return Verdict.DELETE if wanted is None else Verdict.CHANGE


def _theirs(base: Stamp | None, wanted: Stamp | None, current: Stamp | None) -> Verdict:
    if current is None:
        return Verdict.ADD if base is None else Verdict.NOTHING  # a file that its owner deleted stays deleted
    if wanted is None:
        return Verdict.DELETE if current == base else Verdict.KEEP
    if base == wanted:
        return Verdict.NOTHING
    return Verdict.CHANGE if current == base else Verdict.MERGE
