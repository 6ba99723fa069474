"""What a domain function answers: a decision with the new state and its event, or an error that changes nothing.

A domain imports this module, its messages and `chassis.values`, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

State_co = TypeVar("State_co", covariant=True)
Event_co = TypeVar("Event_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Accepted(Generic[State_co, Event_co]):
    """The command was carried out: store `state`, publish `event`."""

    state: State_co
    event: Event_co


@dataclass(frozen=True, slots=True)
class Refused(Generic[State_co, Event_co]):
    """The command's rejection, a decision too: `state` is stored and `event` published."""

    state: State_co
    event: Event_co


class DomainError(Exception):
    """A command that cannot be carried out and leaves no trace: the transaction is rolled back."""


class InvariantViolated(DomainError):
    """What must hold would not hold any more. `text` is the invariant as the specification words it."""

    def __init__(self, text: str) -> None:
        super().__init__(f"must hold: {text}")
        self.text = text


class IllegalState(DomainError):
    """The aggregate is in a state in which the command is not allowed."""

    def __init__(self, command: str, state: str, allowed: Iterable[str] = ()) -> None:
        self.command, self.state, self.allowed = command, str(state), tuple(map(str, allowed))
        wanted = f", only in {' or '.join(self.allowed)}" if self.allowed else ""
        super().__init__(f"{command} is not allowed in state {self.state}{wanted}")


class NotFound(DomainError):
    """There is no aggregate of that kind and key."""

    def __init__(self, what: str, key: object) -> None:
        super().__init__(f"there is no {what} {key}")
        self.what, self.key = what, str(key)


class Conflict(DomainError):
    """Somebody else was first: the key is taken, or the aggregate changed since it was read."""
