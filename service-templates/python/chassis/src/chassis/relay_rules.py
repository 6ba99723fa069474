"""What the outbox's relay decides, apart from database and broker.

The one promise: of each topic and key, the broker sees the messages in the order of their sequence, possibly again,
never with one left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from chassis.backoff import Choose, equal_jitter
from chassis.buckets import BUCKETS

BASE_MS, CAP_MS = 200, 30_000
MOST_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A message of the outbox."""

    position: int
    bucket: int
    topic: str
    key: str
    seq: int
    ce_id: UUID
    headers: dict[str, str]
    payload: bytes | None
    recorded: str  # ce_recordedtime
    age: float  # seconds when it was selected
    attempts: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message was not acknowledged.

    `broker`: nothing is wrong with the message, it will go when the broker is back. `message`: it may go later, within
    limits. `fatal`: it will never be accepted as it is.
    """

    kind: Literal["broker", "message", "fatal"]
    text: str


@dataclass(slots=True)
class Settlement:
    """What is to be done after a batch, by position in the outbox."""

    acked: list[int] = field(default_factory=list)
    held: list[tuple[int, int, str]] = field(default_factory=list)  # position, milliseconds, error
    dead: list[tuple[int, str]] = field(default_factory=list)
    broker_failed: str = ""


def settle(rows: Sequence[Row], results: Sequence[Failure | None], choose: Choose | None = None) -> Settlement:
    """Judge a batch, in order of position.

    Of each key only the acknowledged messages before its first failure count: what was acknowledged behind a failed
    one is sent again after it. The failed one holds its key until it is due again.
    """
    settlement, failed = Settlement(), set[tuple[str, str]]()
    for row, failure in zip(rows, results, strict=True):
        mark = (row.topic, row.key)
        if mark in failed:
            continue
        if failure is None:
            settlement.acked.append(row.position)
            continue
        failed.add(mark)
        if failure.kind == "broker":
            settlement.broker_failed = failure.text
        elif failure.kind == "fatal" or row.attempts + 1 >= MOST_ATTEMPTS:
            settlement.dead.append((row.position, failure.text))
        else:
            delay = backoff(row.attempts + 1, choose)
            settlement.held.append((row.position, delay, failure.text))
    return settlement


def backoff(attempt: int, choose: Choose | None = None) -> int:
    """Milliseconds before the next try."""
    return equal_jitter(attempt, BASE_MS, CAP_MS, choose) if choose else equal_jitter(attempt, BASE_MS, CAP_MS)


def fair_share(instances: int) -> int:
    """How many buckets each of so many living instances may hold."""
    return math.ceil(BUCKETS / max(1, instances))


@dataclass(frozen=True, slots=True)
class Rebalance:
    """Buckets to try to take, and buckets to give up."""

    take: tuple[int, ...]
    give: tuple[int, ...]


def rebalance(mine: Set[int], free: Iterable[int], instances: int, start: int = 0) -> Rebalance:
    """Move towards the fair share. Counting from `start` lets instances try for different buckets first."""
    share = fair_share(instances)
    turned = sorted(free, key=lambda bucket: (bucket - start) % BUCKETS)
    return Rebalance(
        take=tuple(turned[: max(0, share - len(mine))]),
        give=tuple(sorted(mine)[share:]),
    )


def next_pause(pause: float, least: float = 0.005, most: float = 1.0) -> float:
    """How long to wait for work when the last look found none: twice as long as before, within bounds."""
    return min(most, max(least, pause * 2))
