"""What the stacks that can be generated give today; anything else is replaced visibly, or is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StackGives:
    """Kinds of stores, APIs, and patterns (`event-sourcing`, `cqrs`)."""

    stores: frozenset[str]
    apis: frozenset[str]
    patterns: frozenset[str]


# A stack that is not listed (a template of the user's own) is taken to give everything.
STACKS: Mapping[str, StackGives] = {
    "python": StackGives(frozenset({"postgresql"}), frozenset({"rest"}), frozenset({"cqrs"})),
}
