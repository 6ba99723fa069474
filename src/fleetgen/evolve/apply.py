"""Carries a plan out: all of it or nothing."""

from __future__ import annotations

from fleetgen.core.diagnostic import Diagnostic, has_errors
from fleetgen.evolve import findings, journal
from fleetgen.evolve.actions import Action, Plan
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.render.git import GitError, git


def apply(plan: Plan) -> tuple[Diagnostic, ...]:
    """Write what the plan says. The tree must still be the one the plan was made for.

    The conflicts that are left in files are warnings (`OUT-4`).
    """
    if plan.empty:
        return journal.recover(plan.root)
    if has_errors(found := journal.recover(plan.root)):
        return found
    if failure := _write(plan, (*plan.actions, *plan.bookkeeping)):
        return (*found, *failure)
    if plan.stages:
        found = (*found, *_stage(plan))
    return (*found, *(findings.conflict(action.path, action.line) for action in plan.conflicts))


def _write(plan: Plan, actions: tuple[Action, ...]) -> tuple[Diagnostic, ...]:
    try:
        with journal.exclusive(plan.root):
            stale = _stale(plan, actions)
            if not stale:
                journal.write(plan.root, actions)
            return tuple(stale)
    except journal.Busy:
        return (findings.busy(),)
    except journal.Interrupted as error:
        return (findings.interrupted(str(error)),)
    except OSError as error:
        # Nothing was committed, or it is and the next run completes it: either way recovery decides.
        return (findings.failed("the plan was not applied", str(error)), *journal.recover(plan.root))


def _stage(plan: Plan) -> tuple[Diagnostic, ...]:
    """Tell git of the conflicts. The files are written by now, so that a refusal takes nothing back."""
    try:
        git(["update-index", "-z", "--index-info"], plan.root, data=plan.stages)
    except GitError as error:
        return (findings.not_staged(str(error)),)
    return ()


def _stale(plan: Plan, actions: tuple[Action, ...]) -> list[Diagnostic]:
    disk = Disk(plan.root)
    found: list[Diagnostic] = []
    for action in actions:
        current = disk.look(action.path)
        if isinstance(current, Blocked):
            found.append(findings.blocked(action.path, current.reason))
        elif (current.stamp if current else None) != action.before:
            found.append(findings.moved_on(action.path))
    return found
