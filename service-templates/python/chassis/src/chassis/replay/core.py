"""What a core looks like to whoever replays traces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from chassis.backoff import Choose

CHANCES = 65536


@dataclass(frozen=True, slots=True)
class Step:
    """One input at a moment, in milliseconds."""

    kind: str
    fields: dict[str, Any]
    now: int

    @property
    def choose(self) -> Choose:
        """Draws as the trace wants them."""
        chance: int = self.fields["chance"]
        return lambda low, high: low + chance * (high - low + 1) // CHANCES


Effects = list[dict[str, Any]]


class Driven(Protocol):
    """A core with its state, in the words of a trace."""

    def load(self, state: Any) -> None:
        """Go on from this state."""

    def state(self) -> Any:
        """The state now."""

    def decide(self, step: Step) -> Effects:
        """Take in an input. Raises `ValueError` for one that the core does not have."""


Core = Callable[[dict[str, Any]], Driven]
"""Makes a core of a trace's `config`."""


class Unknown(ValueError):
    """An input that the core does not have."""

    def __init__(self, step: Step) -> None:
        super().__init__(f"no input {step.kind}")


class Stateless:
    """A core that keeps nothing: each step brings its own state."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.given: Any = None

    def load(self, state: Any) -> None:
        """Go on from this state."""
        self.given = state

    def state(self) -> Any:
        """None of its own."""
        return None
