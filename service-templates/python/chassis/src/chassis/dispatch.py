"""Records of the bus, and which code handles which type of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chassis.work import UnitOfWork

Handler = Callable[["Record", "UnitOfWork"], None]
"""Handles one record inside the inbox's transaction; raising rolls back all handlers of the record."""

REPLY = "fleet.saga.reply.v1"
"""Replies to commands of sagas are dispatched under this type. Most carry the event that the command led to, and its
type: seen as events, they would set off policies a second time."""

_SEQUENCE_DIGITS, _SEQUENCE_MOST = 20, 2**63 - 1  # as on the wire, and as a database counts

GAP_TYPE = "fleet.gap.v1"
"""Marks a sequence number whose message was discarded: consumers move their cursor over it."""


class PermanentFailure(Exception):
    """Trying again cannot help. `reason` is one of deserialize, schema, validation, handler, timeout, expired, gap."""

    def __init__(self, text: str, reason: str = "handler") -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read. `payload` is `None` for a tombstone.

    `key` and `headers` are text; `raw_key` and `raw_headers` are what lay in the topic, byte for byte. `level` is
    that of the retry topic it was read from, -1 for a record that comes straight from its own topic.
    """

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    payload: bytes | None
    timestamp: int = 0  # milliseconds
    raw_key: bytes | None = None
    raw_headers: tuple[tuple[str, bytes | None], ...] = ()
    level: int = -1

    @property
    def ce_id(self) -> str:
        """The message's identity; a record without one is identified by where it lies."""
        return self.headers.get("ce_id") or f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def ce_type(self) -> str:
        """`<context>.<Event>.v1`, empty when the record says none."""
        return self.headers.get("ce_type", "")

    @property
    def ce_source(self) -> str:
        """The service that wrote it, empty when unknown."""
        return self.headers.get("ce_source", "")

    @property
    def sequence(self) -> int | None:
        """Position among the messages of its topic and key, dense from 1; `None` when the producer counts nothing."""
        text = self.headers.get("ce_sequence", "")
        if not (text.isascii() and text.isdigit() and len(text) <= _SEQUENCE_DIGITS):
            return None
        sequence = int(text)
        return sequence if sequence <= _SEQUENCE_MOST else None

    @property
    def redrives(self) -> int:
        """How often an operator has sent this record again after it was given up."""
        text = self.headers.get("dlq_redrive_count", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@dataclass(slots=True)
class Dispatch:
    """Handlers by `ce_type`, called in the order of their registration, all in one transaction."""

    handlers: dict[str, list[Handler]] = field(default_factory=dict)

    def on(self, ce_type: str, handler: Handler) -> None:
        """Let `handler` see the records of that type."""
        self.handlers.setdefault(ce_type, []).append(handler)

    def of(self, record: Record) -> tuple[Handler, ...]:
        """The handlers of a record; none for a type that nobody asked for."""
        kind = REPLY if "ce_outcome" in record.headers else record.ce_type
        return tuple(self.handlers.get(kind, ()))

    def merged(self, other: Mapping[str, list[Handler]]) -> Dispatch:
        """These handlers, then the others."""
        merged = Dispatch({ce_type: list(known) for ce_type, known in self.handlers.items()})
        for ce_type, handlers in other.items():
            for handler in handlers:
                merged.on(ce_type, handler)
        return merged
