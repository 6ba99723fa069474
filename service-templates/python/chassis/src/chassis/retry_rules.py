"""Where a record goes that failed and holds up no other, apart from database and broker.

A topic that is read without regard to order has retry topics, `<topic>.<group>.retry.<n>`, each with a longer delay.
Level 0 has none: operators put redriven records there, for this one group, of ordered topics too.
"""

from __future__ import annotations

from collections.abc import Sequence

DELAYS = (5.0, 30.0, 120.0, 600.0)
"""Seconds a record waits in `retry.1`, `retry.2` and so on."""
REDRIVEN = 0
REDRIVES_MOST = 3
_RETRY = ".retry."


def retry_topic(topic: str, group: str, level: int) -> str:
    """The retry topic of that level."""
    return f"{topic}.{group}{_RETRY}{level}"


def dead_letter_topic(topic: str, group: str) -> str:
    """Where the dead letters of a topic go."""
    return f"{topic}.{group}.dlq"


def retry_topics(topic: str, group: str, *, ordered: bool, levels: int = len(DELAYS)) -> tuple[str, ...]:
    """All retry topics that a group reads for a subscription."""
    most = REDRIVEN if ordered else levels
    return tuple(retry_topic(topic, group, level) for level in range(REDRIVEN, most + 1))


def original_topic(retry: str, group: str) -> str:
    """The topic that a retry topic belongs to."""
    return retry.rpartition(_RETRY)[0].removesuffix(f".{group}")


def level_of(topic: str) -> int:
    """The level of a retry topic, -1 for any other topic."""
    _, found, level = topic.rpartition(_RETRY)
    return int(level) if found and level.isdecimal() else -1


def next_level(level: int, *, final: bool, counts: bool, delays: Sequence[float] = DELAYS) -> int | None:
    """The level to try a record at that failed at `level`; `None`: it is given up.

    A failure that says nothing about the record (`counts` is false) does not bring it nearer to its end.
    """
    if final or not delays:
        return None
    if not counts:
        return max(1, level)
    return max(0, level) + 1 if level < len(delays) else None
