"""What becomes of a record that failed and holds up no other: a retry topic, or the dead letters."""

from __future__ import annotations

import logging
from datetime import datetime

import psycopg

from chassis.database import server_time
from chassis.dead_letters import DeadLetterRefused, DeadLetters, Reason
from chassis.dispatch import Record
from chassis.failures import HandlingFailure, InboxUnavailable
from chassis.inbox import Inbox
from chassis.records import context_of
from chassis.retry_rules import next_level

log = logging.getLogger(__name__)


class Forwarding:
    """Takes over from the inbox. The record's offset is committed when it has been taken by the broker."""

    def __init__(self, inbox: Inbox, dead_letters: DeadLetters) -> None:
        self._inbox, self._dead_letters = inbox, dead_letters

    def __call__(self, record: Record, failure: HandlingFailure) -> None:
        """Send it on. Raises `InboxUnavailable` when broker or database are away: then it must wait where it is."""
        delays = () if self._inbox.is_ordered(record) else self._dead_letters.delays
        level = next_level(record.level, final=failure.final, counts=failure.counts, delays=delays)
        try:
            with self._inbox.database.connection() as connection:
                now = server_time(connection)
            reason = _reason(record, failure, now)
            if level is not None:
                self._dead_letters.retry(record, reason, level, now)
                log.warning("%s %s will be tried again (%d): %s", record.ce_type, record.ce_id, level, failure.text)
            else:
                self._give_up(record, reason)
        except DeadLetterRefused as refusal:
            raise InboxUnavailable(f"the broker does not take a failed record: {refusal}") from refusal
        except psycopg.Error as away:
            raise InboxUnavailable(str(away)) from away

    def _give_up(self, record: Record, reason: Reason) -> None:
        self._dead_letters.send(record, reason)
        with self._inbox.database.work(context_of(record)) as work:
            self._inbox.bury(record, work)
        log.error("dead letter %s of key %s: %s", record.ce_id, record.key, reason.text)


def _reason(record: Record, failure: HandlingFailure, now: datetime) -> Reason:
    headers = record.headers
    before = headers.get("dlq_attempts", "0") if record.level > 0 else "0"
    attempts = (int(before) if before.isdecimal() and len(before) < 10 else 0) + int(failure.counts)
    began = headers.get("dlq_first_failed_at") or now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Reason.parsed(failure.text, attempts, began)
