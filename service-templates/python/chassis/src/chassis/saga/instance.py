"""What an orchestrated saga is at a moment, what can happen to it, and what follows: data only.

`orchestration.decide` goes from one state to the next; `store` keeps states in `saga_instance` and `saga_step`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Status = Literal["running", "compensating", "stuck", "completed", "compensated", "aborted"]
RunStatus = Literal["pending", "sent", "succeeded", "failed", "timed_out", "skipped"]
Direction = Literal["forward", "compensate"]
OperationName = Literal["retry", "skip", "compensate", "abort"]
Outcome = Literal["succeeded", "failed", "expired"]

LIVE: frozenset[Status] = frozenset({"running", "compensating", "stuck"})
UNKNOWN_OR_DONE: frozenset[RunStatus] = frozenset({"succeeded", "sent", "timed_out"})
"""Parts that compensation must undo: what was sent and never answered counts as done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One command of a step: a step that fans out has one for each item. `pending` waits to be sent again."""

    command_id: UUID
    status: RunStatus = "sent"
    event: str = ""
    payload: Any = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One step in one direction. `due_at` is when to send it (again), or when to make its call."""

    seq: int
    direction: Direction
    status: RunStatus
    parts: tuple[Part, ...]
    attempt: int = 1
    deadline_at: datetime | None = None
    due_at: datetime | None = None
    sent_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""


Runs = Mapping[tuple[int, Direction], Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaState:
    """An orchestrated saga."""

    saga_id: UUID
    status: Status
    current_step: int
    pivot_passed: bool
    data: Mapping[str, Any]
    runs: Runs
    started_at: datetime
    deadline_at: datetime
    next_timer_at: datetime | None = None
    stuck_reason: str = ""
    finished_at: datetime | None = None

    @property
    def compensates(self) -> bool:
        """Whether it goes, or went before it was stuck, backwards."""
        return self.status == "compensating" or any(direction == "compensate" for _, direction in self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A participant answered, over the bus or to a call."""

    command_id: UUID
    outcome: Outcome
    event: str = ""
    payload: Any = None
    error: str = ""
    retryable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A call came back without an answer: nobody knows whether the peer did what it was asked."""

    command_id: UUID


@dataclass(frozen=True, slots=True)
class TimerDue:
    """`next_timer_at` has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A manual intervention."""

    name: OperationName
    force: bool = False


Input = Reply | Unanswered | TimerDue | Operation


class OperationRefused(Exception):
    """The operation does not fit the saga as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCommand:
    """Send the command of one part. `complete` is false when inputs are missing that only the participant knows."""

    seq: int
    direction: Direction
    command_id: UUID
    index: int
    total: int
    inputs: Mapping[str, Any]
    complete: bool = True
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPeer:
    """Ask the peer now, by a synchronous request. Repeated until it is answered or the step's time is over."""

    seq: int
    command_id: UUID
    index: int
    total: int
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A reply that changes nothing: to a command that is closed or unknown."""

    command_id: UUID
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Became:
    """The saga has another status."""

    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Tell the participants of a choreography; `type` is that of a notice (see `history`)."""

    type: str
    step: str
    reason: str = ""
    force: bool = False


Effect = SendCommand | CallPeer | Late | Became | Announce


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The next state and what must be done, in the same transaction."""

    state: SagaState
    effects: tuple[Effect, ...] = field(default_factory=tuple)
