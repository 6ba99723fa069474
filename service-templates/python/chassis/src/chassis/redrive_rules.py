"""Which dead letters are open, and which of them a redrive sends again; apart from database and broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from chassis.dispatch import Record
from chassis.retry_rules import REDRIVES_MOST

State = Literal["open", "superseded", "handled", "redriven", "discarded"]
Place = tuple[int, int]
"""Partition and offset in the topic of dead letters."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies in its topic."""

    record: Record

    @property
    def place(self) -> Place:
        """Where it lies."""
        return self.record.partition, self.record.offset

    @property
    def identity(self) -> tuple[str, str]:
        """Source and id of the message: a message may have left several letters."""
        return self.record.ce_source, self.record.ce_id

    def header(self, name: str) -> str:
        """A header of the failure, without its `dlq_`."""
        return self.record.headers.get(f"dlq_{name}", "")

    def shown(self, state: State) -> dict[str, Any]:
        """For operators: everything but the payload."""
        record = self.record
        return {
            "id": record.ce_id,
            "source": record.ce_source,
            "type": record.ce_type,
            "key": record.key,
            "sequence": record.sequence,
            "state": state,
            "partition": record.partition,
            "offset": record.offset,
            "reason": self.header("reason"),
            "error": f"{self.header('error_class')}: {self.header('error_message')}",
            "attempts": self.header("attempts"),
            "redrives": record.redrives,
            "firstFailedAt": self.header("first_failed_at"),
            "lastFailedAt": self.header("last_failed_at"),
            "correlationId": record.headers.get("ce_correlationid", ""),
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are meant; what is not said fits all."""

    ids: frozenset[str] = frozenset()
    key: str = ""
    type: str = ""
    reason: str = ""
    error: str = ""  # the class of the error

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From JSON; raises `ValueError` with a sentence for who wrote it."""
        if unknown := sorted(given.keys() - {"ids", "key", "type", "reason", "error"}):
            raise ValueError(f"the filter does not know {', '.join(unknown)}")
        ids = given.get("ids", [])
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise ValueError("ids must be a list of texts")
        texts = {name: given.get(name, "") for name in ("key", "type", "reason", "error")}
        if wrong := sorted(name for name, text in texts.items() if not isinstance(text, str)):
            raise ValueError(f"{', '.join(wrong)} must be text")
        return cls(frozenset(ids), **texts)

    def fits(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        record = letter.record
        return (
            (not self.ids or record.ce_id in self.ids)
            and self.key in ("", record.key)
            and self.type in ("", record.ce_type)
            and self.reason in ("", letter.header("reason"))
            and self.error in ("", letter.header("error_class"))
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a redrive does. `refused` have been redriven too often; `left` are for the next time."""

    chosen: tuple[Letter, ...] = ()
    refused: tuple[Letter, ...] = field(default_factory=tuple)
    left: int = 0


def states(
    letters: Sequence[Letter], settled: Mapping[Place, State], handled: frozenset[tuple[str, str]]
) -> list[tuple[Letter, State]]:
    """The state of each letter, in the order of the topic. Of a message only its last letter can be open."""
    last = {letter.identity: letter.place for letter in letters}
    found: list[tuple[Letter, State]] = []
    for letter in letters:
        state: State = "open"
        if letter.place in settled:
            state = settled[letter.place]
        elif letter.identity in handled:
            state = "handled"
        elif last[letter.identity] != letter.place:
            state = "superseded"
        found.append((letter, state))
    return found


def plan(opened: Iterable[Letter], wanted: Filter, limit: int, *, force: bool = False) -> Plan:
    """Choose at most `limit` of the open letters. Those redriven too often are refused unless by force."""
    fitting = [letter for letter in opened if wanted.fits(letter)]
    refused = [letter for letter in fitting if letter.record.redrives >= REDRIVES_MOST and not force]
    may = [letter for letter in fitting if force or letter.record.redrives < REDRIVES_MOST]
    return Plan(tuple(may[:limit]), tuple(refused), max(0, len(may) - limit))
