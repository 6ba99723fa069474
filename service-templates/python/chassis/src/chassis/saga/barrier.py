"""What a participant does with a command that may come twice, too late, or after its own compensation. Pure.

Each step has two keys of which the first to come takes one for good, `forward` and `compensate`. A compensation takes
both: a step that had not run by then never will.
"""

from __future__ import annotations

from typing import Literal

from chassis.saga.instance import Direction

Kind = Literal["compensatable", "pivot", "retriable"]


def on_arrival(answered: bool, expired: bool) -> Literal["repeat", "expired", "take"]:
    """Whether the command was `answered` already, or is too late; otherwise its key is to be taken."""
    if answered:
        return "repeat"
    return "expired" if expired else "take"


def behind(
    direction: Direction, *, taken: bool, forward_was_free: bool, forward_outcome: str
) -> Literal["closed", "nothing", "act"]:
    """What to do when its key was `taken` just now, or was by somebody before.

    The rest is about compensations: whether the step's own key was free, and how the step was answered, if known.
    """
    if not taken:
        return "closed"
    if direction == "compensate" and (forward_was_free or forward_outcome == "failed"):
        return "nothing"
    return "act"


def may_be_refused(kind: Kind, direction: Direction) -> bool:
    """Whether a refusal is an answer. Behind the pivot it is not: nothing of it stays, and it is tried again."""
    return direction == "compensate" or kind != "retriable"
