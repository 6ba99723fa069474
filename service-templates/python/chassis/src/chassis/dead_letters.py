"""Records that failed, on topics of their own, byte for byte and with the reason in headers.

Those that are to be tried later go to a retry topic, those that were given up to the dead letters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis import faults, meters
from chassis.dispatch import Record
from chassis.kafka import Headers, RecordProducer, Sendable, WantedTopic
from chassis.retry_rules import DELAYS, dead_letter_topic, level_of, retry_topic, retry_topics

RETENTION_SECONDS = 30 * 86_400.0
RETRY_RETENTION_SECONDS = 7 * 86_400.0
NOT_BEFORE = "retry_not_before"
_MOST_TEXT = 1024


class DeadLetterRefused(Exception):
    """The broker did not take a failed record; it stays where it is and this is tried again."""


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
    """Writes the failed records of one consumer group."""

    def __init__(
        self,
        producer: RecordProducer,
        group: str,
        service: str,
        ensure: Callable[[Sequence[WantedTopic]], None] = lambda topics: None,
        *,
        delays: Sequence[float] = DELAYS,
        retention: float = RETENTION_SECONDS,
    ) -> None:
        """`delays` and `retention` are in seconds; `ensure` makes topics that are missing."""
        self._producer, self._group, self._service, self._ensure = producer, group, service, ensure
        self.delays, self._retention = delays, retention
        self._ensured: set[str] = set()

    def topic(self, topic: str) -> str:
        """Where the dead letters of a topic go."""
        return dead_letter_topic(topic, self._group)

    def send(self, record: Record, reason: Reason) -> None:
        """Write a dead letter and wait until the broker has it."""
        target = self.topic(record.topic)
        self._write(target, record, self._headers(record, reason))
        faults.point("dlq.after_produce", target)
        meters.dead_letters.add(1, {"messaging.destination.name": record.topic, "error.type": reason.kind})

    def retry(self, record: Record, reason: Reason, level: int, now: datetime) -> None:
        """Let a record be tried again after the delay of that level; `now` is the database's time."""
        target = retry_topic(record.topic, self._group, level)
        due = now + timedelta(seconds=self.delays[level - 1])
        self._write(target, record, [*self._headers(record, reason), (NOT_BEFORE, _text(due))])
        faults.point("retry.after_produce", target)
        meters.retries.add(1, {"messaging.destination.name": record.topic, "error.type": reason.kind})

    def prepare(self, topics: Collection[tuple[str, bool]]) -> None:
        """Make what is needed for the topics (and whether they are ordered) and connect: the first failure is in time.

        Without it the first record that fails has to wait for all of that.
        """
        wanted = [self.topic(topic) for topic, _ in topics]
        for topic, ordered in topics:
            wanted += retry_topics(topic, self._group, ordered=ordered, levels=len(self.delays))
        self._make(wanted)
        self._producer.warm_up()

    def _make(self, targets: Sequence[str]) -> None:
        missing = [target for target in targets if target not in self._ensured]
        if missing:
            kept = {target: self._retention if level_of(target) < 0 else RETRY_RETENTION_SECONDS for target in missing}
            self._ensure([WantedTopic(target, partitions=1, retention=kept[target]) for target in missing])
            self._ensured.update(missing)

    def _write(self, target: str, record: Record, headers: Headers) -> None:
        self._make([target])
        (failure,) = self._producer.send([Sendable(target, record.raw_key, headers, record.payload)])
        if failure is not None:
            raise DeadLetterRefused(failure.text)

    def _headers(self, record: Record, reason: Reason) -> Headers:
        kept: Headers = [
            (name, value) for name, value in record.raw_headers if not name.startswith("dlq_") and name != NOT_BEFORE
        ]
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
            "dlq_last_failed_at": _text(datetime.now(UTC)),
            "dlq_redrive_count": str(record.redrives),
        }
        return [*kept, *added.items()]


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
