"""The operators' desk for dead letters: look at them, send them again to this group alone, or discard them.

A redrive sends the record as it lies there to `<topic>.<group>.retry.0`, which only this group reads, and then notes
that in `dead_letter`. A crash between the two sends it twice: the inbox lets it take effect once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from chassis import faults, meters
from chassis.database import Database
from chassis.http.orders import Order, Redrive
from chassis.http.problem import Problem
from chassis.identity import uuid7
from chassis.inbox import Inbox
from chassis.kafka import Headers, RecordProducer, Sendable
from chassis.letters import LettersUnavailable, Read
from chassis.records import returned
from chassis.redrive_rules import Letter, Plan, State, plan, states
from chassis.retry_rules import REDRIVEN, dead_letter_topic, retry_topic

log = logging.getLogger(__name__)

BUDGET = 7.0  # seconds after which a redrive stops and says how many are left
LEASE_SECONDS = 40.0  # longer than reading and sending may take together
_SETTLED = "SELECT part, off, done FROM dead_letter WHERE topic = %s"
_HANDLED = """
SELECT ce_source, ce_id FROM inbox JOIN unnest(%s::text[], %s::text[]) AS asked (ce_source, ce_id)
 USING (ce_source, ce_id) WHERE handler = %s AND outcome = 'ok'
"""
_SETTLE = """
INSERT INTO dead_letter (topic, part, off, ce_source, ce_id, done, actor, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (topic, part, off) DO NOTHING
"""
_TAKE = "SELECT lease_take(%s, %s, make_interval(secs => %s))"
_GIVE = "UPDATE lease SET owner = NULL, expires_at = '-infinity' WHERE name = %s AND owner = %s"


class DeadLetterDesk:
    """For the topics that one service reads."""

    def __init__(
        self,
        database: Database,
        inbox: Inbox,
        read: Read,
        producer: RecordProducer,
        topics: frozenset[str],
        *,
        owner: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`topics` are those that the service subscribes to; `owner` names this instance."""
        self._database, self._inbox, self._read, self._producer = database, inbox, read, producer
        self._topics, self._owner, self._sleep = topics, owner, sleep

    def overview(self) -> list[dict[str, Any]]:
        """How many letters each topic has, by state."""
        found = []
        for topic in sorted(self._topics):
            counts: dict[str, int] = {}
            for _, state in self._known(topic):
                counts[state] = counts.get(state, 0) + 1
            if counts:
                found.append({"topic": topic, "deadLetters": dead_letter_topic(topic, self._inbox.group), **counts})
        return found

    def letters(self, topic: str, state: State | None = None) -> list[dict[str, Any]]:
        """The letters of a topic, the oldest first."""
        return [letter.shown(known) for letter, known in self._known(topic) if state in (None, known)]

    def letter(self, topic: str, partition: int, offset: int) -> tuple[Letter, State] | None:
        """One letter with its state."""
        return next((known for known in self._known(topic) if known[0].place == (partition, offset)), None)

    def redrive(self, topic: str, wanted: Redrive, order: Order) -> dict[str, Any]:
        """Send open letters again, no faster than `rate` a second, for some seconds; says how many are left."""
        return self._each(topic, wanted, order, self._send)

    def discard(self, topic: str, wanted: Redrive, order: Order) -> dict[str, Any]:
        """Settle open letters without sending them; keys that wait for them go on."""
        return self._each(topic, wanted, replace(order, force=True), self._drop)

    def _each(
        self, topic: str, wanted: Redrive, order: Order, deal: Callable[[str, Letter, Order], None]
    ) -> dict[str, Any]:
        with self._alone(topic):
            opened = [letter for letter, state in self._known(topic) if state == "open"]
            chosen = plan(opened, wanted.filter, wanted.limit, force=order.force)
            done = 0 if wanted.dry_run else self._deal_all(topic, chosen, wanted, order, deal)
        return _told(chosen, done, wanted)

    def _deal_all(
        self, topic: str, chosen: Plan, wanted: Redrive, order: Order, deal: Callable[[str, Letter, Order], None]
    ) -> int:
        begun, done = time.monotonic(), 0
        for letter in chosen.chosen:
            early = begun + done / wanted.rate - time.monotonic()
            if time.monotonic() + max(0.0, early) - begun > BUDGET:
                break
            if early > 0:
                self._sleep(early)
            deal(topic, letter, order)
            done += 1
        return done

    def _send(self, topic: str, letter: Letter, order: Order) -> None:
        record = letter.record
        target = retry_topic(topic, self._inbox.group, REDRIVEN)
        (failure,) = self._producer.send([Sendable(target, record.raw_key, _headers(letter), record.payload)])
        if failure is not None:
            raise _away(failure.text)
        faults.point("redrive.after_produce", target)
        with self._database.connection() as connection:
            connection.execute(_SETTLE, self._row(topic, letter, "redriven", order))
        meters.redriven.add(1, {"messaging.destination.name": topic})
        log.warning("dead letter %s of %s is redriven", record.ce_id, topic, extra={"actor": order.actor})

    def _drop(self, topic: str, letter: Letter, order: Order) -> None:
        record = letter.record
        with self._database.work() as work:
            work.connection.execute(_SETTLE, self._row(topic, letter, "discarded", order))
            was = returned(record, self._inbox.group)
            parked = self._inbox.parked.at(work.connection, topic, was.partition, was.offset)
            if parked is None:
                self._inbox.bury(record, work, "discarded")
            else:
                self._inbox.pass_over(parked, work, "discarded")
        log.warning("dead letter %s of %s is discarded", record.ce_id, topic, extra={"actor": order.actor})

    def _known(self, topic: str) -> list[tuple[Letter, State]]:
        if topic not in self._topics:
            raise Problem(404, "not-found", "No such topic", f"this service does not read {topic}")
        dead = dead_letter_topic(topic, self._inbox.group)
        try:
            letters = self._read(dead)
        except LettersUnavailable as reason:
            raise _away(str(reason)) from reason
        with self._database.connection() as connection:
            settled = {(row[0], row[1]): row[2] for row in connection.execute(_SETTLED, (dead,)).fetchall()}
            sources, ids = [each.record.ce_source for each in letters], [each.record.ce_id for each in letters]
            rows = connection.execute(_HANDLED, (sources, ids, self._inbox.group)).fetchall()
        return states(letters, settled, frozenset((row[0], row[1]) for row in rows))

    def _row(self, topic: str, letter: Letter, done: State, order: Order) -> tuple[Any, ...]:
        dead = dead_letter_topic(topic, self._inbox.group)
        return (dead, *letter.place, *letter.identity, done, order.actor, order.reason)

    @contextmanager
    def _alone(self, topic: str) -> Iterator[None]:
        """Two at once would send every letter twice."""
        lease, me = f"redrive:{topic}", f"{self._owner}:{uuid7()}"
        with self._database.connection() as connection:
            row = connection.execute(_TAKE, (lease, me, LEASE_SECONDS)).fetchone()
        if row is None or row[0] is None:
            raise Problem(409, "busy", "Somebody else is redriving this topic", "try again when that has ended")
        try:
            yield
        finally:
            with self._database.connection() as connection:
                connection.execute(_GIVE, (lease, me))


def _headers(letter: Letter) -> Headers:
    """As they are, but for the count: one more."""
    kept: Headers = [(name, value) for name, value in letter.record.raw_headers if name != "dlq_redrive_count"]
    return [*kept, ("dlq_redrive_count", str(letter.record.redrives + 1))]


def _told(chosen: Plan, done: int, wanted: Redrive) -> dict[str, Any]:
    return {
        "dryRun": wanted.dry_run,
        "chosen": len(chosen.chosen),
        "done": done,
        "left": len(chosen.chosen) - done + chosen.left,
        "refused": [{"id": letter.record.ce_id, "redrives": letter.record.redrives} for letter in chosen.refused],
        "ids": [letter.record.ce_id for letter in chosen.chosen][:100],
    }


def _away(text: str) -> Problem:
    return Problem(503, "unavailable", "The broker is not available", text, headers={"retry-after": "5"})
