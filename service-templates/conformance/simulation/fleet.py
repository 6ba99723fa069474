"""A fleet of a few services for one seed: writers of events, sagas, two relays a service, a consumer each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from model.flows import FLOWS
from model.values import Json

from simulation.broker import Broker
from simulation.consumer import Consumer
from simulation.database import Database, Row, Transaction
from simulation.relay import Relay
from simulation.sagas import REPLIES, Conductor, Participant
from simulation.world import Body, Process, World

CALM_FROM, END, LOOK = 60_000, 900_000, 10_000
EVENTS, KEYS = "order.events", ("a", "b", "c")
LINES = [[{"sku": "a"}, {"sku": "b"}], [{"sku": "a"}], []]


@dataclass(frozen=True)
class Parts:
    """What a fleet is made of; a wrong variant has one of these wrong."""

    relay: type[Relay] = Relay
    consumer: type[Consumer] = Consumer
    conductor: type[Conductor] = Conductor
    participant: type[Participant] = Participant


@dataclass
class Fleet:
    """All of one run."""

    seed: int
    parts: Parts
    world: World = field(init=False)
    broker: Broker = field(init=False)
    databases: dict[str, Database] = field(default_factory=dict)
    reads: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(self.seed, CALM_FROM)
        self.broker = Broker(self.world)
        names = sorted(FLOWS)
        self.flows = {f"s{n}": FLOWS[self.world.rng.choice(names)] for n in range(self.world.about(2, 4))}
        orders = {saga: {"id": saga, "lines": self.world.rng.choice(LINES)} for saga in self.flows}
        services = {step["service"] for flow in self.flows.values() for step in flow["steps"]} | {"order", "reader"}
        self.databases = {name: Database(name, partial(self.world.happened, name)) for name in sorted(services)}
        order = self.databases["order"]
        self.conductor = self.parts.conductor(self.world, order, self.flows, orders)
        processes: list[Process] = [self.conductor, *(Writer(self.world, f"writer-{n}", order) for n in range(3))]
        for name, database in self.databases.items():
            processes += [self.parts.relay(self.world, f"{name}-{n}", database, self.broker) for n in range(2)]
            processes.append(self._consumer(name, database))
        for process in processes:
            process.start()

    def _consumer(self, name: str, database: Database) -> Consumer:
        participant = self.parts.participant(self.world, database, self.seed)

        def handle(record: Row, transaction: Transaction) -> bool:
            if record.topic == REPLIES:
                return self.conductor.reply(record, transaction)
            if record.topic != EVENTS:
                return participant.command(record, transaction)
            transaction.write(lambda: database.effects.append((record.key, record.sequence)))
            return True

        topics = [EVENTS] if name == "reader" else [f"{name}.commands"]
        topics += [REPLIES] if name == "order" else []
        self.reads += [(name, topic) for topic in topics]
        return self.parts.consumer(self.world, name, database, self.broker, topics, handle)

    def run(self) -> None:
        """From the beginning until nothing is left to do, or for long enough."""
        for until in range(CALM_FROM + LOOK, END, LOOK):
            self.world.run(until)
            if self._rests():
                return

    def _rests(self) -> bool:
        sagas = [self.databases["order"].sagas.get(saga_id) for saga_id in self.flows]
        waits = any(database.outbox or any(database.parked.values()) for database in self.databases.values())
        read = all(self.broker.offsets[group, topic] == len(self.broker.topics[topic]) for group, topic in self.reads)
        return not waits and read and all(saga is not None and saga.timer is None for saga in sagas)


class Writer(Process):
    """Business transactions that emit events; some take long to commit, some never do."""

    def __init__(self, world: World, name: str, database: Database) -> None:
        super().__init__(world, name)
        self.database, self.left = database, world.about(3, 8)
        self._open: Transaction | None = None

    def bodies(self) -> list[Body]:
        return [self._write()]

    def on_kill(self) -> None:
        if self._open is not None:
            self._open.end()

    def _write(self) -> Body:
        while self.left > 0:
            yield self.world.about(0, 2_000)
            key, body = self.world.rng.choice(KEYS), _body(self.left)
            self._open = Transaction(self.database)
            while not self._open.can_append(EVENTS, key):
                yield 2
            self._open.append(EVENTS, key, body)
            yield self.world.rng.choice([0, 1, 3, 40, 700])
            if self.world.rng.random() < 0.1:
                self._open.end()
            else:
                self._open.commit()
            self.left -= 1


def _body(number: int) -> Json:
    return {"event": number}
