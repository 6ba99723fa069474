"""A gate for a pipeline: what keeps the monorepo from being what its specification says, as findings of their own."""

from __future__ import annotations

from pathlib import Path

from fleetgen.core.diagnostic import Diagnostic, Severity, ordered
from fleetgen.evolve import findings
from fleetgen.evolve.actions import Action, Kind
from fleetgen.evolve.desired import Desired
from fleetgen.evolve.plan import plan

Diagnostics = tuple[Diagnostic, ...]

_EDITED = "OUT-1"
_SAYS = {
    Kind.ADD: "is missing",
    Kind.CHANGE: "is not what the specification and the templates give",
    Kind.MERGE: "has a change of the templates coming, beside your edit",
    Kind.CONFLICT: "has a change of the templates coming that conflicts with your edit",
    Kind.DELETE: "is no longer part of the fleet",
}


def drift(root: Path, desired: Desired) -> tuple[bool, Diagnostics]:
    """Whether a plan can be made at all; and every path that `apply` would change or must not overwrite."""
    made, said = plan(root, desired)
    errors = [item for item in said if item.severity is Severity.ERROR]
    if made is None and not all(item.code == _EDITED for item in errors):
        return False, said
    edited = {item.span.file for item in errors if item.span}
    if edited:  # what else would change is worth knowing in the same run
        made, _ = plan(root, desired, overwrite=edited)
    actions = made.actions if made else ()
    return True, ordered((*errors, *(_of(action) for action in actions if action.path not in edited)))


def _of(action: Action) -> Diagnostic:
    return findings.out_of_step(action.path, _SAYS[action.kind])
