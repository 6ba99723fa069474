"""Fleets that have one thing wrong, each of which some seed must show."""

from __future__ import annotations

from dataclasses import replace

from model.orchestration import BACK, Saga, orchestration
from model.values import Given, Json

from simulation.consumer import Consumer
from simulation.database import Row, Transaction
from simulation.fleet import Parts
from simulation.relay import BATCH, Relay
from simulation.sagas import Conductor, Participant
from simulation.world import Body


class CursorRelay(Relay):
    """Remembers how far it came: rows that commit late are behind it."""

    last = 0

    def select(self, tokens: dict[int, int]) -> list[Row]:
        rows = [row for row in super().select(tokens) if row.position > self.last]
        self.last = max([self.last, *(row.position for row in rows)])
        return rows


class FreeForAllRelay(Relay):
    """Every instance takes any rows that no other has in hand: rows of one key go out side by side."""

    def select(self, tokens: dict[int, int]) -> list[Row]:
        busy: set[int] = self.database.__dict__.setdefault("busy", set())
        rows = sorted(self.database.outbox.values(), key=lambda row: row.position)
        taken = [row for row in rows if row.position not in busy and row.not_before <= self.world.now][:BATCH]
        busy.update(row.position for row in taken)
        return taken

    def record(self, rows: list[Row], results: list[str | None], owner: str, tokens: dict[int, int]) -> None:
        self.database.__dict__["busy"].difference_update(row.position for row in rows)
        for row, result in zip(rows, results, strict=True):
            if result is None:
                self.database.outbox.pop(row.position, None)


class EarlyDeletingRelay(Relay):
    """Deletes before the broker has acknowledged."""

    def select(self, tokens: dict[int, int]) -> list[Row]:
        rows = super().select(tokens)
        for row in rows:
            del self.database.outbox[row.position]
        return rows

    def record(self, rows: list[Row], results: list[str | None], owner: str, tokens: dict[int, int]) -> None:
        return


class EarlyCommit(Consumer):
    """Commits the offset before the effects."""

    def take(self, record: Row) -> Body:
        self.broker.offsets[self.name, record.topic] = len(self.broker.topics[record.topic])
        yield from super().take(record)


class NoInbox(Consumer):
    """Remembers nothing of what it handled."""

    def mark(self, record: Row, transaction: Transaction) -> None:
        return

    def verdict(self, record: Row, waiting: int | None) -> str:
        return "handle"


class NoOrder(Consumer):
    """Handles each record once, but whenever it comes."""

    def verdict(self, record: Row, waiting: int | None) -> str:
        return "duplicate" if record.id in self.database.inbox else "handle"


class NoBarrier(Participant):
    """Carries out whatever it is told."""

    def core(self, config: Json, state: Json, given: Given, now: int) -> tuple[Json, list[Json]]:
        result = given["command"]["result"]
        outcome = "succeeded" if result in ("succeeded", "needless") else "failed"
        reply = {"reply": {"outcome": outcome, "retryable": result == "conflict"}}
        return ({**state, "told": now} if outcome == "succeeded" else state), [{"act": {}}, reply]


class ForwardUndo(Conductor):
    """Undoes the first step first."""

    def core(self, config: Json, state: Saga | None, given: Given, now: int) -> tuple[Saga, list[Json]]:
        saga, effects = orchestration(config, state, given, now)
        return (saga, effects) if isinstance(saga, _Forward) else orchestration(config, _forward(state), given, now)


class _Forward(Saga):
    def go_back(self, step: int) -> None:
        for number in range(1, len(self.flow["steps"]) + 1):
            if (number, BACK) not in self.runs and (number, "forward") in self.runs:
                super().go_back(number)
                if self.step == number and self.status == "compensating":
                    return
                self.status, self.finished = "compensating", None
                self.effects = [effect for effect in self.effects if effect.get("became") != "compensated"]
        self.become("compensated")


def _forward(saga: Saga | None) -> Saga | None:
    return None if saga is None else _Forward(**{name: getattr(saga, name) for name in saga.__dataclass_fields__})


class MemoryTimers(Conductor):
    """Keeps in memory when sagas are due: a new process knows of none that were started before."""

    def _timers(self) -> Body:
        known = set(self.database.sagas)
        while True:
            for saga_id, saga in list(self.database.sagas.items()):
                if saga_id not in known and saga.timer is not None and saga.timer <= self.world.now:
                    self.decide(saga_id, {"timer": {}}, Transaction(self.database))
                    yield 1
            yield 250


RIGHT = Parts()
VARIANTS: dict[str, Parts] = {
    "cursor-relay": replace(RIGHT, relay=CursorRelay),
    "bare-skip-locked": replace(RIGHT, relay=FreeForAllRelay),
    "delete-before-ack": replace(RIGHT, relay=EarlyDeletingRelay),
    "early-commit": replace(RIGHT, consumer=EarlyCommit),
    "no-inbox": replace(RIGHT, consumer=NoInbox),
    "no-order": replace(RIGHT, consumer=NoOrder),
    "no-barrier": replace(RIGHT, participant=NoBarrier),
    "forward-compensation": replace(RIGHT, conductor=ForwardUndo),
    "timers-in-memory": replace(RIGHT, conductor=MemoryTimers),
}
