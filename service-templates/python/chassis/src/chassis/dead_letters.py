"""Dead letters: records that were given up, on a topic of their own, byte for byte and with the reason in headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis import faults, meters
from chassis.dispatch import Record
from chassis.kafka import Headers, RecordProducer, Sendable, WantedTopic

RETENTION_SECONDS = 30 * 86_400.0
_MOST_TEXT = 1024


class DeadLetterRefused(Exception):
    """The broker did not take a dead letter; the record stays where it is and this is tried again."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a record was given up. `kind` is deserialize, schema, validation, handler, timeout, expired or gap."""

    kind: str
    error_class: str
    text: str
    attempts: int
    first_failed_at: str

    @classmethod
    def parsed(cls, error: str, attempts: int, first_failed_at: str) -> Reason:
        """From the text of a failure, `kind: Class: text`."""
        kind, _, rest = error.partition(": ")
        error_class, _, text = rest.partition(": ")
        return cls(kind, error_class, text, attempts, first_failed_at)


class DeadLetters:
    """Writes the dead letters of one consumer group."""

    def __init__(
        self,
        producer: RecordProducer,
        group: str,
        service: str,
        ensure: Callable[[WantedTopic], None] = lambda topic: None,
    ) -> None:
        self._producer, self._group, self._service, self._ensure = producer, group, service, ensure
        self._ensured: set[str] = set()

    def topic(self, topic: str) -> str:
        """Where the dead letters of a topic go."""
        return f"{topic}.{self._group}.dlq"

    def send(self, record: Record, reason: Reason) -> None:
        """Write a dead letter and wait until the broker has it."""
        target = self.topic(record.topic)
        if target not in self._ensured:
            self._ensure(WantedTopic(target, partitions=1, retention=RETENTION_SECONDS))
            self._ensured.add(target)
        headers = self._headers(record, reason)
        (failure,) = self._producer.send([Sendable(target, record.raw_key, headers, record.payload)])
        if failure is not None:
            raise DeadLetterRefused(failure.text)
        faults.point("dlq.after_produce", target)
        meters.dead_letters.add(1, {"messaging.destination.name": record.topic, "error.type": reason.kind})

    def _headers(self, record: Record, reason: Reason) -> Headers:
        kept: Headers = [(name, value) for name, value in record.raw_headers if not name.startswith("dlq_")]
        added = {
            "dlq_topic": record.topic,
            "dlq_partition": str(record.partition),
            "dlq_offset": str(record.offset),
            "dlq_timestamp": str(record.timestamp),
            "dlq_group": self._group,
            "dlq_handler": self._group,
            "dlq_service": self._service,
            "dlq_reason": reason.kind,
            "dlq_error_class": reason.error_class,
            "dlq_error_message": reason.text.encode()[:_MOST_TEXT].decode(errors="ignore"),
            "dlq_attempts": str(reason.attempts),
            "dlq_first_failed_at": reason.first_failed_at,
            "dlq_last_failed_at": _now(),
            "dlq_redrive_count": record.headers.get("dlq_redrive_count", "0"),
        }
        return [*kept, *added.items()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
