"""The unit of work: one database transaction, the context it runs in, and the messages it will send.

Messages are kept until the end of the transaction and then appended to the outbox in one go, sorted by topic and key:
row locks of the outbox are held only for the tail of the transaction and always taken in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

import psycopg

from chassis.identity import uuid7

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaHeaders:
    """Which step of which saga a message belongs to.

    `part` is `i/n` in a fan-out; `version` that of the saga's definition, 0 when it is not said.
    """

    id: UUID
    type: str
    step: str
    direction: Literal["forward", "compensate"] = "forward"
    reply_to: str = ""
    part: str = ""
    version: int = 0

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> SagaHeaders | None:
        """Read from a record's headers; `None` when the record belongs to no saga."""
        try:
            saga_id = UUID(headers["ce_sagaid"])
        except (KeyError, ValueError):
            return None
        return cls(
            id=saga_id,
            type=headers.get("ce_sagatype", ""),
            step=headers.get("ce_sagastep", ""),
            direction="compensate" if headers.get("ce_sagadir") == "compensate" else "forward",
            reply_to=headers.get("ce_replyto", ""),
            part=headers.get("ce_sagapart", ""),
            version=_version(headers.get("ce_sagaversion", "")),
        )

    def headers(self) -> dict[str, str]:
        """As they go on the wire with an event. Who must reply is a matter of commands and not passed on."""
        headers = {
            "ce_sagaid": str(self.id),
            "ce_sagatype": self.type,
            "ce_sagastep": self.step,
            "ce_sagadir": self.direction,
        }
        if self.part:
            headers["ce_sagapart"] = self.part
        if self.version:
            headers["ce_sagaversion"] = str(self.version)
        return headers


def _version(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageContext:
    """Why a unit of work runs: handed on with every message it sends.

    `causation_id` is the `ce_id` of the message that caused it, or nothing for a request from outside;
    `request` names a request from outside by its Idempotency-Key, the same however often it is sent.
    `traceparent` is the span of the cause, used when no span is active.
    """

    correlation_id: str = field(default_factory=lambda: str(uuid7()))
    causation_id: str | None = None
    request: str | None = None
    saga: SagaHeaders | None = None
    caller: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for the outbox: every header as it goes on the wire, and the payload in wire format."""

    topic: str
    key: str
    ce_id: UUID
    ce_type: str
    headers: dict[str, str]
    payload: bytes | None


class Outbox(Protocol):
    """What a unit of work needs of the outbox (see `chassis.outbox`)."""

    def outgoing(self, event: object, context: MessageContext, saga_headers: Mapping[str, str]) -> Outgoing:
        """The event in its envelope."""
        ...

    def append(self, connection: Connection, messages: list[Outgoing]) -> None:
        """Write the messages into the outbox within the connection's transaction."""
        ...


class UnitOfWork:
    """One transaction, open until the `with` of `Database.work` ends. Commits when that ends well."""

    def __init__(self, connection: Connection, context: MessageContext, outbox: Outbox, peers: Any = None) -> None:
        """`peers` speaks to other services (see `chassis.calling`)."""
        self.peers = peers
        self.deadline: float | None = None  # on the monotonic clock: when whoever waits stops waiting
        self.connection = connection
        self.context = context
        self.versions: dict[tuple[str, str], int] = {}  # of the aggregates read, by table and key
        self._outbox = outbox
        self._outgoing: list[Outgoing] = []
        self._after: list[Callable[[], None]] = []

    def new_id(self) -> UUID:
        """A new identifier that sorts by time."""
        return uuid7()

    def publish(self, event: object, *, saga_headers: dict[str, str] | None = None) -> Outgoing:
        """Send an event of this service when the transaction commits.

        It carries the headers of the context's saga unless `saga_headers` are given (`{}` for none).
        """
        if saga_headers is None:
            saga_headers = self.context.saga.headers() if self.context.saga else {}
        message = self._outbox.outgoing(event, self.context, saga_headers)
        self._outgoing.append(message)
        return message

    def append(self, message: Outgoing) -> None:
        """Send a message that is in its envelope already when the transaction commits."""
        self._outgoing.append(message)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call back after the commit, not after a rollback. For what may be lost in a crash: metrics, wake-ups."""
        self._after.append(callback)

    @property
    def outgoing(self) -> tuple[Outgoing, ...]:
        """What will be sent, in the order of publishing."""
        return tuple(self._outgoing)

    @contextmanager
    def using(self, context: MessageContext) -> Iterator[UnitOfWork]:
        """The same transaction in another context."""
        before, self.context = self.context, context
        try:
            yield self
        finally:
            self.context = before

    @contextmanager
    def nested(self) -> Iterator[UnitOfWork]:
        """A savepoint: an error undoes what was stored and published inside, and goes on up."""
        sent, after = len(self._outgoing), len(self._after)
        try:
            with self.connection.transaction():
                yield self
        except BaseException:
            del self._outgoing[sent:]
            del self._after[after:]
            raise

    def flush(self) -> int:
        """Append what was published; called by the database right before the commit."""
        messages, self._outgoing = self._outgoing, []
        if messages:
            self._outbox.append(self.connection, sorted(messages, key=lambda message: (message.topic, message.key)))
        return len(messages)

    def committed(self) -> None:
        """Run the callbacks; called by the database after the commit."""
        callbacks, self._after = self._after, []
        for callback in callbacks:
            callback()
