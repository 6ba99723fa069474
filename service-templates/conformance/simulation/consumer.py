"""The consumer of one service: broker to handlers, each record once and in order, by the model's `inbox`."""

from __future__ import annotations

from collections.abc import Callable

from model.messages import inbox
from model.values import Json

from simulation.broker import Broker
from simulation.database import Database, Parked, Row, Transaction
from simulation.world import Body, Idle, Process, World

ATTEMPTS, REFETCH_AFTER = 8, 10_000
FAILS = 0.03
Handler = Callable[[Row, Transaction], bool]
"""Writes the effects of a record; false: a row that it needs is locked just now, the transaction starts over."""


class Consumer(Process):
    """One member of the service's group, which reads all of its topics."""

    def __init__(
        self, world: World, name: str, database: Database, broker: Broker, topics: list[str], handler: Handler
    ) -> None:
        super().__init__(world, name)
        self.database, self.broker, self.topics, self.handler = database, broker, topics, handler
        self._open: list[Transaction] = []

    def bodies(self) -> list[Body]:
        return [*(self._read(topic) for topic in self.topics), self._retry()]

    def on_kill(self) -> None:
        for transaction in self._open:
            transaction.end()
        self._open = []

    def _read(self, topic: str) -> Body:
        position = self.broker.offsets[self.name, topic]
        while True:
            batch = self.broker.fetch(topic, position)
            end = min(position + 5, len(self.broker.topics[topic]))
            for _, record in batch:
                yield self.world.about(0, 4)
                yield from self.take(record)
            yield self.world.about(0, 4)
            position = end
            self.broker.offsets[self.name, topic] = end
            if not batch:
                yield Idle(topic)

    def take(self, record: Row) -> Body:
        """Handle or park one record; its offset may be committed afterwards."""
        tried = 1
        while True:
            if not self.world.breaks(FAILS):
                if self.apply(record):
                    return
                yield 3
                continue
            given = {"in_place": True, "final": False, "counts": True, "chance": self.world.about(0, 65535)}
            effect = self._decided({"failed": given}, {"tried": tried})
            if "park" in effect:
                self._park(record, "error", effect["park"]["attempts"], effect["park"]["delay"])
                return
            tried += 1
            yield effect["again"]

    def apply(self, record: Row) -> bool:
        """One transaction: the inbox's row, the effects, the cursor."""
        cursor = (record.topic, record.key)
        verdict = self.verdict(record, self._waiting(cursor))
        if verdict in ("gap", "behind_parked"):
            self._park(record, verdict, 0, 1_000)
        if verdict != "handle":
            return True
        transaction = Transaction(self.database)
        self._open.append(transaction)
        if not self.handler(record, transaction):
            transaction.end()
            return False
        self.mark(record, transaction)
        transaction.commit()
        self._open.remove(transaction)
        self._promote(cursor, record.sequence)
        return True

    def mark(self, record: Row, transaction: Transaction) -> None:
        """The record is handled, its key is there."""
        cursor = (record.topic, record.key)
        transaction.write(lambda: self.database.inbox.add(record.id))
        transaction.write(lambda: self.database.cursors.update({cursor: record.sequence}))

    def verdict(self, record: Row, waiting: int | None) -> str:
        """What to do with it."""
        state = {
            "seen": record.id in self.database.inbox,
            "last": self.database.cursors.get((record.topic, record.key)),
            "waiting": waiting,
            "beginning_removed": False,
            "reopened": False,
        }
        verdict: str = self._decided({"arrive": {"sequence": record.sequence}}, state)["verdict"]
        return verdict

    def _decided(self, given: Json, state: Json) -> Json:
        return inbox({"attempts": ATTEMPTS}, state, given, self.world.now)[1][0]

    # -- parked records

    def _waiting(self, cursor: tuple[str, str]) -> int | None:
        return min(self.database.parked.get(cursor, {}), default=None)

    def _park(self, record: Row, reason: str, attempts: int, delay: int) -> None:
        rows = self.database.parked.setdefault((record.topic, record.key), {})
        now = self.world.now
        self.database.changed()
        rows.setdefault(record.sequence, Parked(record, reason, attempts, now + delay, now))

    def _promote(self, cursor: tuple[str, str], applied: int) -> None:
        """The next record of the key is due, if it waited for this one."""
        rows = self.database.parked.get(cursor, {})
        if rows and min(rows) <= applied + 1 and rows[min(rows)].reason != "error":
            rows[min(rows)].next_at = self.world.now

    def _retry(self) -> Body:
        while True:
            for cursor in list(self.database.parked):
                rows = self.database.parked[cursor]
                first = rows.get(min(rows, default=0))
                if first is not None and first.next_at <= self.world.now:
                    self._try(cursor, first)
                    yield 1
            yield self.world.about(50, 300) if any(self.database.parked.values()) else Idle(self.database.name)

    def _try(self, cursor: tuple[str, str], parked: Parked) -> None:
        record, rows = parked.record, self.database.parked[cursor]
        verdict = self.verdict(record, None)
        chance = self.world.about(0, 65535)
        state = {"reason": parked.reason if parked.reason != "behind_parked" else "gap", "attempts": parked.attempts}
        if verdict == "gap":
            self._look_for(record, parked)
            effect = self._decided({"parked-gap": {"chance": chance}}, {**state, "attempts": 0})
            parked.reason, parked.next_at = "gap", self.world.now + effect["postpone"]["delay"]
        elif self.world.breaks(FAILS):
            given = {"final": False, "counts": parked.attempts < ATTEMPTS - 2, "chance": chance}
            wait = self._decided({"parked-failed": given}, state)["postpone"]
            parked.reason, parked.attempts = "error", wait["attempts"]
            parked.next_at = self.world.now + wait["delay"]
        else:
            del rows[record.sequence]
            if not self.apply(record):
                rows[record.sequence] = parked
            self._promote(cursor, record.sequence)

    def _look_for(self, record: Row, parked: Parked) -> None:
        """What is missing for too long is looked for in the topic."""
        if self.world.now - parked.since < REFETCH_AFTER:
            return
        last = self.database.cursors.get((record.topic, record.key), 0)
        for missing in self.broker.between(record.topic, record.key, last, record.sequence):
            rows = self.database.parked[record.topic, record.key]
            rows.setdefault(missing.sequence, Parked(missing, "gap", 0, self.world.now, self.world.now))
