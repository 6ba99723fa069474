"""What the inbox decides about a record, apart from database and broker.

Records of one key are applied in the order of their sequence, each once. Whatever cannot be applied now waits with all
later ones of its key; other keys are not held up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chassis.backoff import Choose, equal_jitter

IN_PLACE_TRIES = 3
IN_PLACE_BASE_MS, IN_PLACE_CAP_MS = 50, 400
PARKED_BASE_MS, PARKED_CAP_MS = 1_000, 300_000
PARKED_ATTEMPTS = 8
GAP_REFETCH_SECONDS = 60.0


class Verdict(StrEnum):
    """What to do with a record."""

    HANDLE = "handle"
    DUPLICATE = "duplicate"  # this very message was handled before
    STALE = "stale"  # its key is further already
    GAP = "gap"  # park: its predecessor is missing
    BEHIND_PARKED = "behind_parked"  # park: an earlier record of its key waits
    FAILED = "failed"  # its handler fails: parked, or on its way to a retry topic or the dead letters
    REARMED = "rearmed"  # given up before and still parked: its turn comes again


@dataclass(frozen=True, slots=True)
class Arrival:
    """A record that arrives, and what is known of its key.

    Attributes:
        sequence: its place in its key, `None` when its producer counts nothing.
        is_new: the inbox has not seen its id before.
        last: the last sequence applied of its key, `None` when none was.
        least_waiting: the smallest sequence among the parked records of its key, 0 if one of them has none, `None` if
            none is parked.
        beginning_removed: the topic has lost its beginning to retention, so that a key may begin anywhere.
        reopened: it was given up, and an operator has sent it again.
    """

    sequence: int | None
    is_new: bool = True
    last: int | None = None
    least_waiting: int | None = None
    beginning_removed: bool = False
    reopened: bool = False


def decide(arrival: Arrival) -> Verdict:
    """What to do with a record of an ordered topic."""
    if not arrival.is_new:
        return Verdict.DUPLICATE
    if arrival.reopened:  # its key went on without it, so it has no place in the order any more
        return Verdict.HANDLE
    return _in_order(arrival, arrival.sequence)


def _in_order(arrival: Arrival, sequence: int | None) -> Verdict:
    if sequence is None:
        return Verdict.HANDLE if arrival.least_waiting is None else Verdict.BEHIND_PARKED
    if arrival.last is not None and sequence <= arrival.last:
        return Verdict.STALE
    if arrival.least_waiting is not None and arrival.least_waiting <= sequence:
        return Verdict.BEHIND_PARKED
    if arrival.last is None and arrival.beginning_removed:
        return Verdict.HANDLE
    return Verdict.HANDLE if sequence == (arrival.last or 0) + 1 else Verdict.GAP


def in_place_delay(attempt: int, choose: Choose | None = None) -> int:
    """Milliseconds before a record is tried again at once."""
    return _jittered(attempt, IN_PLACE_BASE_MS, IN_PLACE_CAP_MS, choose)


def parked_delay(attempt: int, choose: Choose | None = None) -> int:
    """Milliseconds before a parked record that failed so many times is tried again."""
    return _jittered(attempt, PARKED_BASE_MS, PARKED_CAP_MS, choose)


def is_exhausted(attempts: int, most: int = PARKED_ATTEMPTS) -> bool:
    """Whether a parked record is to be given up after so many failures."""
    return attempts >= most


def _jittered(attempt: int, base: int, cap: int, choose: Choose | None) -> int:
    return equal_jitter(attempt, base, cap, choose) if choose else equal_jitter(attempt, base, cap)
