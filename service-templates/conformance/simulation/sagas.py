"""Sagas between services: a conductor and participants, which talk through outboxes and inboxes, and nothing else."""

from __future__ import annotations

import copy
import zlib

from model.barrier import barrier
from model.calls import deadline
from model.orchestration import Saga, orchestration
from model.values import Given, Json

from simulation.database import Database, Row, Transaction
from simulation.world import Body, Idle, Process, World

REPLIES = "order.replies"
LOOK = 250


class Conductor(Process):
    """Starts sagas, hears replies, looks at timers: rows by the database's clock."""

    def __init__(self, world: World, database: Database, flows: dict[str, Json], orders: dict[str, Json]) -> None:
        super().__init__(world, "conductor")
        self.database, self.flows, self.orders = database, flows, orders

    def bodies(self) -> list[Body]:
        return [self._start(), self._timers()]

    def _start(self) -> Body:
        """Place the orders that are not placed yet, each in one transaction with the start of its saga."""
        for saga_id, event in self.orders.items():
            yield self.world.about(0, 3_000)
            if saga_id not in self.database.sagas:
                self.decide(saga_id, {"begin": {"inputs": {}, "event": event}}, Transaction(self.database))

    def _timers(self) -> Body:
        while True:
            for saga_id, saga in list(self.database.sagas.items()):
                if saga.timer is not None and saga.timer <= self.clock():
                    self.decide(saga_id, {"timer": {}}, Transaction(self.database))
                    yield 1
            yield LOOK if any(saga.timer is not None for saga in self.database.sagas.values()) else Idle("order")

    def clock(self) -> int:
        """The clock that timers go by."""
        return self.world.now

    def reply(self, record: Row, transaction: Transaction) -> bool:
        """A participant answered."""
        given = {"reply": {**record.body["reply"], "chance": self.world.about(0, 65535)}}
        return self._decided(record.key, given, transaction)

    def decide(self, saga_id: str, given: Given, transaction: Transaction) -> None:
        """One input in a transaction of its own; if a row is locked, it is for the next look."""
        if self._decided(saga_id, given, transaction):
            transaction.commit()
        else:
            transaction.end()

    def _decided(self, saga_id: str, given: Given, transaction: Transaction) -> bool:
        before = self.database.sagas.get(saga_id)
        flow = self.flows[saga_id]
        after, effects = self.core({"flow": flow}, before, given, self.clock())
        for effect in effects:
            if command := effect.get("send"):
                topic = f"{flow['steps'][command['step'] - 1]['service']}.commands"
                if not transaction.can_append(topic, saga_id):
                    return False
                transaction.append(topic, saga_id, {"command": command, "flow": flow})
        if before is None:
            transaction.write(lambda: self.database.effects.append((saga_id, "Place", 1, 1)))
            transaction.write(lambda: self.database.barriers.update({f"{saga_id}:Place:1": _done()}))
        transaction.write(lambda: self.database.sagas.update({saga_id: after}))
        return True

    def core(self, config: Json, state: Saga | None, given: Given, now: int) -> tuple[Saga, list[Json]]:
        """How it decides."""
        return orchestration(config, state, given, now)


def _done() -> Json:
    return {"forward": "succeeded", "compensate": None}


class Participant:
    """Carries out commands behind the barrier and answers them, in one transaction."""

    def __init__(self, world: World, database: Database, seed: int) -> None:
        self.world, self.database, self.seed = world, database, seed

    def command(self, record: Row, transaction: Transaction) -> bool:
        """Handle one command."""
        command, flow = record.body["command"], record.body["flow"]
        step = flow["steps"][command["step"] - 1]
        mark = f"{record.key}:{step['name']}:{command['part']}"
        state = self.database.barriers.get(mark, {"forward": None, "compensate": None})
        expired = (
            "expired" in deadline({"usual": 0}, {}, {"command": {"expires": command["expires"]}}, self.world.now)[1][0]
        )
        given = {"direction": command["direction"], "expired": expired, "result": self._result(step, command, record)}
        after, effects = self.core({"kind": step["kind"]}, state, {"command": given}, self.world.now)
        if not transaction.can_append(REPLIES, record.key):
            return False
        sign = 1 if command["direction"] == "forward" else -1
        if "act" in effects[0] and after != state and given["result"] != "rejected":
            effect = (record.key, step["name"], command["part"], sign)
            transaction.write(lambda: self.database.effects.append(effect))
        transaction.write(lambda: self.database.barriers.update({mark: copy.copy(after)}))
        transaction.append(REPLIES, record.key, {"reply": self._reply(step, command, effects[-1]["reply"])})
        return True

    def core(self, config: Json, state: Json, given: Given, now: int) -> tuple[Json, list[Json]]:
        """How it decides."""
        return barrier(config, state, given, now)

    def _result(self, step: Json, command: Json, record: Row) -> str:
        """What would come of it: decided by the seed and the command, so that it does not depend on the time."""
        number = zlib.crc32(f"{self.seed}:{record.id}:{command['command']}".encode()) % 100
        if command["direction"] == "compensate":
            return "conflict" if number < 8 else "succeeded"
        if number < 6 and step["refuses_with"]:
            return "rejected"
        return "conflict" if number < 14 else "succeeded"

    def _reply(self, step: Json, command: Json, reply: Json) -> Json:
        forward, done = command["direction"] == "forward", reply["outcome"] == "succeeded"
        event = (step["succeeds_with"] if forward else step["undone_with"]) if done else ""
        payload = {"id": f"{step['name']}-{command['part']}"} if event else None
        return {"command": command["command"], **reply, "event": event, "payload": payload, "error": ""}
