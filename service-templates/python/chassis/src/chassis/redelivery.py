"""Tries parked records again, in a thread of its own: slow or poisoned ones hold up nobody else.

Of each key the first record is tried when it is due; when it has gone, the next one is. A record whose predecessor does
not come is looked up in the topic. What fails for good becomes a dead letter; its key is held, or goes on without it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import psycopg

from chassis.dead_letters import DeadLetterRefused, DeadLetters, Reason
from chassis.dispatch import Record
from chassis.failures import HandlingFailure, InboxUnavailable, judge
from chassis.inbox import Inbox
from chassis.inbox_rules import GAP_REFETCH_SECONDS, Verdict, is_exhausted, parked_delay
from chassis.parked import Parked
from chassis.records import context_of
from chassis.work import MessageContext, UnitOfWork

log = logging.getLogger(__name__)

Missing = Callable[[Record, int], Sequence[Record]]
"""Finds the records of a key between a sequence and a record."""


class Redelivery:
    """Retries the parked records of one inbox."""

    def __init__(
        self,
        inbox: Inbox,
        dead_letters: DeadLetters,
        missing: Missing,
        *,
        refetch_after: float = GAP_REFETCH_SECONDS,
        advance: bool = False,
        poll: float = 1.0,
    ) -> None:
        """With `advance` a key goes on after a dead letter; otherwise an operator decides."""
        self._inbox, self._dead_letters, self._missing = inbox, dead_letters, missing
        self._attempts, self._refetch_after, self._advance, self._poll = inbox.attempts, refetch_after, advance, poll
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="parked", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self, timeout: float = 15.0) -> None:
        """Finish the record in hand and end the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def wake(self) -> None:
        """Something was parked or is due: look soon."""
        self._wake.set()

    def _run(self) -> None:
        pause = self._poll
        while not self._stop.is_set():
            self._wake.wait(pause)
            self._wake.clear()
            try:
                while not self._stop.is_set() and self.run_once():
                    pass
                pause = self._poll
            except (InboxUnavailable, psycopg.Error) as reason:
                pause = min(10.0, pause * 2)
                log.warning("parked records must wait for the database: %s", reason)
            except Exception:
                pause = min(10.0, pause * 2)
                log.exception("parked records cannot be tried again")

    def run_once(self) -> int:
        """Try all that are due; gives how many there were."""
        with self._inbox.database.connection() as connection:
            due = self._inbox.parked.due(connection)
        for parked_id in due:
            if self._stop.is_set():
                break
            self._try(parked_id)
        return len(due)

    def _try(self, parked_id: int) -> None:
        seen: list[Parked] = []
        try:
            with self._inbox.database.work(MessageContext()) as work:
                parked = self._inbox.parked.take(work.connection, parked_id)
                if parked is None:
                    return
                seen.append(parked)
                given_up = parked.reason == "error" and self._is_exhausted(parked)
                verdict = Verdict.FAILED if given_up else self._retry(parked, work)
        except Exception as reason:
            if not seen:
                raise
            self._failed(seen[0], judge(reason))
            return
        if verdict is Verdict.FAILED:
            self._give_up(seen[0])
        elif verdict is Verdict.GAP:
            self._gap(seen[0])

    def _retry(self, parked: Parked, work: UnitOfWork) -> Verdict:
        with self._inbox.traced(parked.record), work.using(context_of(parked.record)):
            return self._inbox.retry(parked, work)

    def _failed(self, parked: Parked, failure: HandlingFailure) -> None:
        before = parked.attempts if parked.reason == "error" else 0  # looking for what is missing was no failure
        attempts = self._attempts if failure.final else before + int(failure.counts)
        delay = 0 if is_exhausted(attempts, self._attempts) else parked_delay(max(1, attempts))
        log.warning("parked record %d failed %d times: %s", parked.id, attempts, failure.text)
        self._postpone(parked, "error", attempts, failure.text, delay)

    def _gap(self, parked: Parked) -> None:
        record = parked.record
        if self._is_exhausted(parked):
            return self._give_up(parked)
        if parked.age > self._refetch_after:
            before = self._inbox.last_sequence(record)
            found = self._missing(record, before)
            for missing in found:
                self._inbox.receive(missing)
            log.warning("gap before %s of key %s: found %d in the topic", record.ce_id, record.key, len(found))
            if self._inbox.last_sequence(record) > before:
                return self._postpone(parked, "gap", parked.attempts, parked.error, 0)
        attempts = parked.attempts + 1
        delay = 0 if is_exhausted(attempts, self._attempts) else parked_delay(attempts)
        self._postpone(parked, "gap", attempts, f"gap: Gap: nothing before sequence {record.sequence} arrived", delay)
        return None

    def _postpone(self, parked: Parked, reason: str, attempts: int, error: str, delay: int) -> None:
        with self._inbox.database.connection() as connection:
            if self._inbox.parked.take(connection, parked.id) is not None:
                self._inbox.parked.postpone(connection, parked, reason, attempts=attempts, error=error, delay=delay)

    def _give_up(self, parked: Parked) -> None:
        reason = Reason.parsed(parked.error, parked.attempts, parked.parked_at)
        try:
            self._dead_letters.send(parked.record, reason)
        except DeadLetterRefused as refusal:
            log.warning("dead letter of %s must wait: %s", parked.record.ce_id, refusal)
            return self._postpone(parked, parked.reason, parked.attempts, parked.error, parked_delay(1))
        with self._inbox.database.work(context_of(parked.record)) as work:
            if self._inbox.parked.take(work.connection, parked.id) is not None:
                if self._advance:
                    self._inbox.pass_over(parked, work)
                else:
                    self._inbox.parked.give_up(work.connection, parked)
        held = "goes on" if self._advance else "is held"
        log.error("dead letter %s: key %s %s: %s", parked.record.ce_id, parked.record.key, held, parked.error)
        return None

    def _is_exhausted(self, parked: Parked) -> bool:
        return is_exhausted(parked.attempts, self._attempts)
